// Files: what the agent answers is what the same system calls give inside the pod, for root, for another
// user, and for root without capabilities.
#include <fcntl.h>
#include <unistd.h>

#include "agent_client.hpp"
#include "catch.hpp"
#include "pod.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

const std::string make_tree =
    "mkdir -p /data/dir/sub /data/closed; cd /data; echo hello >small; head -c 70000 /dev/urandom >middle;"
    "head -c 3000000 /dev/urandom >large; head -c 9000000 /dev/zero >huge; : >empty; ln -s small link; ln -s "
    "/data/dir absolute;"
    "ln -s ../../../../data/small dir/up; ln -s loop loop; ln -s nowhere dangling; chmod 600 small middle; "
    "echo x >open; chmod 666 open;"
    "echo secret >closed/file; chmod 700 closed; mkfifo fifo; chmod 777 /data; mkdir -p /data/many; for i in "
    "$(seq 300); do : >many/f$i; done;"
    "echo mine >mine; chown 1000:1000 mine; chmod 400 mine; echo group >grouped; chown 0:1000 grouped; chmod "
    "640 grouped; mknod null c 1 3";

std::string open_line(const std::string& path, int flags = O_RDONLY) {
  return "open\t" + path + "\t" + std::to_string(flags) + "\t0";
}

std::vector<std::string> looking() {
  std::vector<std::string> operations;
  for (const char* path : {"/data/small",
                           "/data/middle",
                           "/data/large",
                           "/data/huge",
                           "/data/empty",
                           "/data/link",
                           "/data/absolute",
                           "/data/dir/up",
                           "/data/loop",
                           "/data/dangling",
                           "/data/closed",
                           "/data/closed/file",
                           "/data/open",
                           "/data/mine",
                           "/data/grouped",
                           "/data/dir/../small",
                           "/data/small/",
                           "/data/small/x",
                           "/nowhere",
                           "/",
                           "/etc/hostname",
                           "/etc/resolv.conf",
                           "/etc/../../../etc/hosts",
                           "/proc/version",
                           "/proc/sys/kernel/hostname",
                           "/proc/1/cmdline",
                           "/bin/sh"}) {
    operations.push_back(open_line(path));
    for (const char* what : {"stat", "lstat", "readlink", "realpath"})
      operations.push_back(std::string(what) + "\t" + path);
    for (int mode : {F_OK, R_OK, W_OK, X_OK})
      operations.push_back("access\t" + std::string(path) + "\t" + std::to_string(mode) + "\t0");
    operations.push_back("access\t" + std::string(path) + "\t" + std::to_string(R_OK) + "\t" +
                         std::to_string(AT_EACCESS));
  }
  for (const char* path :
       {"/data", "/data/many", "/data/closed", "/data/small", "/nowhere", "/data/absolute", "/etc"})
    operations.push_back("list\t" + std::string(path));
  operations.push_back(open_line("/data/dir", O_RDONLY | O_DIRECTORY));
  operations.push_back(open_line("/data/small", O_RDONLY | O_DIRECTORY));
  operations.push_back(open_line("/data/link", O_RDONLY | O_NOFOLLOW));
  operations.push_back(open_line("/data/dir", O_WRONLY));
  operations.push_back(open_line("/data/small", O_RDWR));
  operations.push_back(open_line("/data/open", O_RDWR));
  operations.push_back(open_line("/data/none", O_RDWR));
  operations.push_back(open_line("/data/small", O_CREAT | O_EXCL | O_WRONLY));
  operations.push_back(open_line("/data/fifo", O_WRONLY | O_NONBLOCK));
  operations.push_back("stat\t/" + std::string(300, 'x'));
  operations.push_back("stat\t/" + std::string(5000, 'x'));
  operations.push_back("uname");
  return operations;
}

}  // namespace

TEST_CASE("Files as root sees them", "[files]") {
  TestPod pod;
  pod.shell(make_tree);
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  compare(client, pod, looking());
}

TEST_CASE("Files as another user sees them", "[files]") {
  TestPod pod({"--user", "1000:1000"});
  pod.shell(make_tree);
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  compare(client, pod, looking());
}

TEST_CASE("Files as root without capabilities sees them", "[files]") {
  TestPod pod({"--caps", "-all,+net_bind_service"});
  pod.shell(make_tree + "; chown 7:7 /data/small /data/closed /data/closed/file");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  compare(client, pod, looking());
}

TEST_CASE("Changes to paths", "[files]") {
  TestPod pod({"--user", "1000:1000"});
  pod.shell(
      "mkdir -p /data/a /data/b; chmod 777 /data/a /data/b; mkdir /data/a/locked /data/b/locked; echo 1 "
      ">/data/a/locked/f; echo 1 >/data/b/locked/f");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  auto script = [](const std::string& d) {
    auto change = [&](const std::string& kind, const std::string& path, const std::string& other = "",
                      const std::string& number = "0") {
      return "change\t" + kind + "\t" + path + "\t" + other + "\t" + number;
    };
    return std::vector<std::string>{change("make_directory", d + "/new", "", "511"),
                                    change("make_directory", d + "/new", "", "511"),
                                    change("make_directory", d + "/none/x", "", "511"),
                                    change("make_directory", d + "/locked/x", "", "511"),
                                    change("symlink", d + "/new/link", "target"),
                                    change("symlink", d + "/new/link", "target"),
                                    change("link", d + "/new/link", d + "/new/hard"),
                                    change("rename", d + "/new/hard", d + "/new/moved"),
                                    change("rename", d + "/gone", d + "/x"),
                                    change("unlink", d + "/locked/f"),
                                    change("unlink", d + "/new"),
                                    change("chmod", d + "/new", "", "320"),
                                    change("chmod", d + "/locked", "", "511"),
                                    change("chmod", d + "/none", "", "511"),
                                    change("truncate", d + "/locked/f", "", "0"),
                                    change("remove_directory", d + "/new"),
                                    change("unlink", d + "/new/moved"),
                                    change("unlink", d + "/new/link"),
                                    change("remove_directory", d + "/new"),
                                    change("remove_directory", d + "/new/")};
  };
  auto by_probe = script("/data/b"), by_agent = script("/data/a");
  auto expected = pod.probe(by_probe);
  for (std::size_t i = 0; i < by_agent.size(); ++i) {
    INFO(by_agent[i]);
    CHECK(perform(client, by_agent[i]) == expected[i]);
  }
}

TEST_CASE("Writing, reading back and truncating by handle", "[files]") {
  TestPod pod({"--user", "1000:1000"});
  pod.shell("chmod 777 /data");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  protocol::OpenFile open;
  open.path = "/data/written";
  open.flags = O_RDWR | O_CREAT | O_EXCL;
  open.mode = 0666;
  auto opened = client.ask<protocol::OpenedFile>(open);
  REQUIRE(opened);
  CHECK(opened->stat.uid == 1000);
  CHECK((opened->stat.mode & 0777) == 0666);  // as asked for: the umask is the client's program's
  CHECK(opened->real_path == "/data/written");
  protocol::WriteFile write;
  write.handle = opened->handle;
  write.offset = 3;
  write.data = {'a', 'b', 'c'};
  auto written = client.ask<protocol::Written>(write);
  REQUIRE(written);
  CHECK(written->length == 3);
  CHECK(written->stat.size == 6);
  CHECK(pod.shell("od -An -tx1 /data/written") == " 00 00 00 61 62 63\n");
  write.at_position = true;
  write.data = {'X'};
  REQUIRE(client.ask<protocol::Written>(write));
  protocol::ReadFile read;
  read.handle = opened->handle, read.length = 10, read.at_position = true;
  auto data = client.ask<protocol::FileData>(read);
  REQUIRE(data);
  CHECK(data->data == Bytes{0, 0, 'a', 'b', 'c'});
  protocol::TruncateFile truncate;
  truncate.handle = opened->handle, truncate.size = 2;
  REQUIRE(client.ask<protocol::Done>(truncate));
  CHECK(pod.shell("stat -c %s /data/written") == "2\n");
  protocol::CloseFile close;
  close.handle = opened->handle;
  REQUIRE(client.ask<protocol::Done>(close));
  auto again = client.ask<protocol::FileData>(read);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == EBADF);
  protocol::StreamFile stream;
  stream.handle = 4711;
  CHECK(client.ask<protocol::FileStream>(stream).error().code == EBADF);
}

TEST_CASE("Modes, owners and times, by path and by handle", "[files]") {
  TestPod pod({"--user", "1000:1000"});
  pod.shell("chmod 777 /data; echo x >/data/other; ln -s other /data/link");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  protocol::OpenFile open;
  open.path = "/data/mine";
  open.flags = O_RDWR | O_CREAT;
  open.mode = 0600;
  auto opened = client.ask<protocol::OpenedFile>(open);
  REQUIRE(opened);
  protocol::ChangeAttributes mode;
  mode.path = "/data/mine";
  mode.mode = 0640;
  CHECK(client.ask<protocol::Done>(mode));
  CHECK(pod.shell("stat -c %a /data/mine") == "640\n");
  mode.path = "/data/link";  // leads to root's
  CHECK(client.ask<protocol::Done>(mode).error().code == EPERM);
  mode.path = "/data/nothing";
  CHECK(client.ask<protocol::Done>(mode).error().code == ENOENT);
  mode.handle = opened->handle;
  mode.mode = 0604;
  CHECK(client.ask<protocol::Done>(mode));
  protocol::ChangeAttributes times;
  times.attribute = protocol::Attribute::times;
  times.handle = opened->handle;
  times.accessed_ns = 1'000'000'000'000'000'005;
  times.modified_ns = 1'100'000'000'000'000'006;
  CHECK(client.ask<protocol::Done>(times));
  times.accessed_ns = protocol::time_stays;
  times.modified_ns = 1'200'000'000'000'000'007;
  CHECK(client.ask<protocol::Done>(times));
  CHECK(pod.shell("stat -c '%a %X %Y' /data/mine") == "604 1000000000 1200000000\n");
  protocol::ChangeAttributes owner;
  owner.attribute = protocol::Attribute::owner;
  owner.handle = opened->handle;
  owner.uid = 1000;
  owner.gid = 1000;
  CHECK(client.ask<protocol::Done>(owner));
  owner.uid = 0;
  CHECK(client.ask<protocol::Done>(owner).error().code == EPERM);
  owner.handle = 4711;
  CHECK(client.ask<protocol::Done>(owner).error().code == EBADF);
}

TEST_CASE("Locks of one client are in the way of another's, and go with the file", "[files]") {
  TestPod pod;
  pod.shell("echo 0123456789 >/data/file");
  AgentProcess agent(pod.pid());
  AgentClient one(agent), two(agent);
  protocol::OpenFile open;
  open.path = "/data/file";
  open.flags = O_RDWR;
  auto first = one.ask<protocol::OpenedFile>(open), second = two.ask<protocol::OpenedFile>(open);
  REQUIRE(first);
  REQUIRE(second);
  protocol::ControlFile lock;
  lock.handle = first->handle;
  lock.control = protocol::FileControl::range_lock;
  lock.number = F_WRLCK;
  lock.start = 2;
  lock.length = 3;
  REQUIRE(one.ask<protocol::Controlled>(lock));
  lock.handle = second->handle;
  CHECK(two.ask<protocol::Controlled>(lock).error().code == EAGAIN);
  lock.control = protocol::FileControl::range_test;
  lock.start = lock.length = 0;
  auto found = two.ask<protocol::Controlled>(lock);
  REQUIRE(found);
  CHECK(found->number == F_WRLCK);
  CHECK(found->start == 2);
  CHECK(found->length == 3);
  protocol::CloseFile close;
  close.handle = first->handle;
  REQUIRE(one.ask<protocol::Done>(close));
  lock.control = protocol::FileControl::range_lock;
  CHECK(eventually(seconds(5), [&] { return two.ask<protocol::Controlled>(lock).has_value(); }));
}

TEST_CASE("A large directory comes in pages, and a cursor is used once", "[files]") {
  TestPod pod;
  pod.shell(
      "mkdir /data/d; cd /data/d; seq -f 'a-file-with-a-long-name-so-that-pages-fill-up-%06.0f' 6000 | xargs "
      "touch");
  AgentProcess agent(pod.pid());
  AgentClient client(agent);
  compare(client, pod, {"list\t/data/d"});
  protocol::ReadDirectory list;
  list.path = "/data/d";
  auto first = client.ask<protocol::Directory>(list);
  REQUIRE(first);
  REQUIRE(first->cursor != 0);
  CHECK(first->entries.size() < 6000);
  list.cursor = first->cursor;
  REQUIRE(client.ask<protocol::Directory>(list));
  CHECK(client.ask<protocol::Directory>(list).error().code == EBADF);
}

TEST_CASE("A file that blocks holds up nothing else, and ends with its client", "[files]") {
  TestPod pod;
  pod.shell("mkfifo /data/fifo; echo hello >/data/small");
  AgentProcess agent(pod.pid());
  AgentClient other(agent);
  std::size_t fds_before = agent.fds();
  {
    AgentClient client(agent);
    protocol::OpenFile fifo;
    fifo.path = "/data/fifo";
    fifo.flags = O_RDONLY;
    std::vector<std::future<Result<Message>>> blocked;
    for (int i = 0; i < 80; ++i) blocked.push_back(client.start(fifo));
    for (int i = 0; i < 5; ++i) {
      auto begin = std::chrono::steady_clock::now();
      CHECK(perform(other, "readlink\t/data/small") == "errno 22");
      CHECK(perform(other, "resolve\tweb\t\t2\t1\t0\t0") == " 1/6/10.77.0.1#0");
      CHECK(std::chrono::steady_clock::now() - begin < seconds(2));
    }
    CHECK(agent.threads() <= 72);
    CHECK(blocked[0].wait_for(milliseconds(0)) != std::future_status::ready);
  }
  // Its client closed the link: what hung for it is interrupted, and idle threads go.
  CHECK(eventually(seconds(20), [&] { return agent.threads() <= 16; }));
  CHECK(eventually(seconds(20), [&] { return agent.fds() <= fds_before; }));
}
