// Changing the pod's files, where the rules allow it.
#include "catch.hpp"
#include "layer_pod.hpp"

using namespace inpod::test;

namespace {

/// A folder of the pod that may be written, fresh for each test.
std::string fresh_folder(const std::string& name) {
  LayerPod::shared().shell("rm -rf /data/" + name + "; mkdir /data/" + name);
  return "/data/" + name;
}

const std::vector<std::string> writable = {"--files-write", "/data/**"};

}  // namespace

TEST_CASE("changing: create, write, append, rename, links, modes") {
  const auto folder = fresh_folder("changing");
  check_same({"changing", folder}, writable);
  CHECK(LayerPod::shared().shell("ls " + folder) == "");
}

TEST_CASE("writing by system calls with numbers") {
  const auto folder = fresh_folder("numbered");
  LayerPod::shared().shell("cp -P /data/tree/small.txt /data/tree/link " + folder);
  check_same({"numbered", folder, "write"}, writable);
}

TEST_CASE("mv -n and renameat2's flags change nothing that they should not") {
  auto& pod = LayerPod::shared();
  const auto folder = fresh_folder("flags");
  pod.shell("cd " + folder + "; echo old >a; echo new >b");
  const std::string script =
      "import ctypes, os, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n"
      "done = libc.renameat2(-100, b'" +
      folder + "/b', -100, b'" + folder +
      "/a', int(sys.argv[1]))\n"
      "print(done, ctypes.get_errno())";
  const auto no_replace = pod.run({"python3", "-c", script, "1"}, writable);
  CHECK(no_replace.out == "-1 17\n");  // EEXIST
  CHECK(pod.shell("cat " + folder + "/a " + folder + "/b") == "old\nnew\n");
  const auto exchange = pod.run({"python3", "-c", script, "2"}, writable);
  CHECK(exchange.out == "0 0\n");
  CHECK(pod.shell("cat " + folder + "/a " + folder + "/b") == "new\nold\n");
  const auto bad = pod.run({"python3", "-c", script, "64"}, writable);
  CHECK(bad.out == "-1 22\n");
  CHECK(pod.shell("cat " + folder + "/a " + folder + "/b") == "new\nold\n");
  CHECK(pod.run({"mv", folder + "/b", folder + "/c"}, writable).status == 0);
  CHECK(pod.shell("cd " + folder + "; echo *") == "a c\n");
  CHECK(pod.run({"mv", folder + "/c", folder + "/a"}, writable).status == 0);
  CHECK(pod.shell("cd " + folder + "; echo *; cat a") == "a\nold\n");
}

TEST_CASE(
    "a file without a name that could be given one is refused, one that can't be is not; a link out of the "
    "pod is EXDEV") {
  const auto folder = fresh_folder("nameless");
  const std::string script = "import os\nfor more in 0, os.O_EXCL:\n  try: print(os.write(os.open('" +
                             folder +
                             "', os.O_RDWR | os.O_TMPFILE | more, 0o600), b'x'))\n"
                             "  except OSError as error: print(error.errno)\n"
                             "fd = os.open('" +
                             folder +
                             "/named', os.O_WRONLY | os.O_CREAT)\n"
                             "try: os.link(f'/proc/self/fd/{fd}', 'linked', src_dir_fd=0, "
                             "follow_symlinks=True)\nexcept OSError as error: print(error.errno)";
  const auto here = LayerPod::shared().run({"python3", "-c", script}, writable);
  INFO(here.err);
  CHECK(here.out == "95\n1\n18\n");  // EOPNOTSUPP, EXDEV
}

TEST_CASE("a FIFO of the pod: readv gives what is there, a write without a reader is EPIPE with SIGPIPE") {
  auto& pod = LayerPod::shared();
  const auto folder = fresh_folder("pipes");
  pod.shell("mkfifo " + folder + "/fifo");
  const auto here = pod.run({"python3", "-c", R"(
import os, signal, sys, time
heard = []
signal.signal(signal.SIGPIPE, lambda *_: heard.append('SIGPIPE'))
first = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
writer = os.open(sys.argv[1], os.O_WRONLY)
reader = os.open(sys.argv[1], os.O_RDONLY)
os.write(writer, b'four')
print(os.readv(reader, [bytearray(4), bytearray(4)]))
os.close(first)
os.close(reader)
for i in range(400):  # the pod's ends are closed a second later
    try: os.write(writer, b'x')
    except BrokenPipeError:
        print(heard)
        break
    time.sleep(0.05)
)",
                             folder + "/fifo"},
                            writable);
  INFO(here.err);
  CHECK(here.out == "4\n['SIGPIPE']\n");
}

TEST_CASE("files.map: a local name for the pod's files") {
  auto& pod = LayerPod::shared();
  TemporaryDirectory folder;
  const auto config =
      folder.write("config.yaml", "files:\n  map: {" + pod.home() +
                                      "/app/config: /data/tree, /srv/moved: /data/tree/sub}\n");
  const auto read =
      pod.run({"cat", "app/config/small.txt", pod.home() + "/app/config/sub/deep.txt", "/srv/moved/deep.txt"},
              {"-f", config});
  CHECK(read.err == "inpod: config file " + config + " sets files.map\n");
  CHECK(read.out == "first line\nsecond line\nthe third\ndeep\ndeep\n");
  CHECK(pod.run({"cat", pod.home() + "/here"}, {"-f", config}).out == "here\n");
  const auto refused = pod.run({"sh", "-c", "echo x >" + pod.home() + "/app/config/new"}, {"-f", config});
  CHECK(refused.status != 0);
  CHECK(refused.err.find("Read-only file system") != std::string::npos);
}

TEST_CASE("what may not be changed is refused in a kernel's order: there already, missing, read-only") {
  const std::string script =
      "import os\ndef attempt(call, *arguments):\n  try: call(*arguments)\n  except OSError as error: "
      "print(error.errno, end=' ')\n"
      "attempt(os.mkdir, '/data/tree/sub')\nattempt(os.symlink, 'x', '/data/tree/link')\nattempt(os.mkfifo, "
      "'/data/tree/empty')\n"
      "attempt(os.chmod, '/data/tree/missing', 0o600)\nattempt(os.utime, "
      "'/data/tree/missing')\nattempt(os.truncate, '/data/tree/missing', 0)";
  const auto known = LayerPod::shared().run({"python3", "-c", script});
  CHECK(known.out == "17 17 17 2 2 2 ");
  CHECK(known.err == "");
  const auto refused = LayerPod::shared().run(
      {"python3", "-c",
       "import os\ntry: os.mkdir('/data/tree/new')\nexcept OSError as error: print(error.errno)"});
  CHECK(refused.out == "30\n");
  CHECK(refused.err.find("read-only here (EROFS)") != std::string::npos);
}

TEST_CASE("controlling: modes, owners, times, O_APPEND, fsync, locks") {
  const auto folder = fresh_folder("controlling");
  check_same({"controlling", folder}, writable);
  CHECK(LayerPod::shared().shell("ls " + folder) == "");
}

TEST_CASE("a new file's mode is by the umask of the program that makes it, also after exec") {
  auto& pod = LayerPod::shared();
  const auto folder = fresh_folder("masked");
  const auto made = pod.run({"sh", "-ec",
                             "umask 0; touch " + folder + "/open; mkdir " + folder +
                                 "/folder\n"
                                 "umask 077; touch " +
                                 folder + "/closed"},
                            writable);
  CHECK(made.err == "");
  CHECK(made.status == 0);
  CHECK(pod.shell("cd " + folder + "; stat -c '%n %a' *") == "closed 600\nfolder 777\nopen 666\n");
}

TEST_CASE("touch, cp -p and tar keep times and modes in the pod") {
  auto& pod = LayerPod::shared();
  const auto folder = fresh_folder("kept");
  const auto touched = pod.run({"touch", "-d", "2001-02-03 04:05:06.789 UTC", folder + "/a"}, writable);
  CHECK(touched.err == "");
  CHECK(pod.shell("TZ=UTC stat -c %y " + folder + "/a") == "2001-02-03 04:05:06.789000000 +0000\n");
  const auto copied =
      pod.run({"sh", "-ec",
               "echo x >mine; chmod 640 mine; touch -d '1999-01-01 UTC' mine; cp -p mine " + folder +
                   "/b\n"
                   "tar cf - mine | tar xf - -C " +
                   folder},
              writable);
  CHECK(copied.err == "");
  CHECK(copied.status == 0);
  CHECK(pod.shell("cd " + folder + "; TZ=UTC stat -c '%n %a %y' b mine; cat b mine") ==
        "b 640 1999-01-01 00:00:00.000000000 +0000\nmine 640 1999-01-01 00:00:00.000000000 +0000\nx\nx\n");
}

TEST_CASE(
    "a lock that a process of the pod holds is seen; that one on what is read-only is not seen is told") {
  auto& pod = LayerPod::shared();
  const auto folder = fresh_folder("locked");
  pod.shell("echo x >" + folder + "/file");
  const std::string script = "import fcntl, sys\nf = open('" + folder +
                             "/file')\n"
                             "try: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print('locked')\nexcept "
                             "BlockingIOError: print('busy')";
  CHECK(pod.run({"python3", "-c", script}, writable).out == "locked\n");
  const auto holder =
      pod.start_inside({"../bin/flock", folder + "/file", "sh", "-c", "echo held; exec sleep 60"});
  REQUIRE(holder->wait_for_output("held", seconds(10)));
  CHECK(pod.run({"python3", "-c", script}, writable).out == "busy\n");
  const auto local = pod.run({"python3", "-c", script});
  CHECK(local.out == "locked\n");
  CHECK(local.err.find("such a lock is seen neither in the pod") != std::string::npos);
}
