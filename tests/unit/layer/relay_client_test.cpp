// The relay's client against a relay made to misbehave: cut answers, lies about lengths, silence,
// interruptions.
#include "core/relay_client.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

using namespace inpod;

namespace {

/// A relay that does one thing with each connection.
class FakeRelay {
 public:
  explicit FakeRelay(std::function<void(int fd, const relay::Request&, const std::string&)> serve)
      : serve_(std::move(serve)) {
    char name[] = "/tmp/inpod-test-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ + "/relay";
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path_.c_str());
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 64) == 0);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeRelay() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }
  RelayClient client() const {
    RelayClient client;
    REQUIRE(client.set_path(path_));
    return client;
  }

 private:
  void run() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      relay::Request request;
      std::string rest;
      if (recv(fd, &request, sizeof request, MSG_WAITALL) == static_cast<ssize_t>(sizeof request)) {
        rest.resize(request.text_length + request.data_length);
        if (rest.empty() ||
            recv(fd, rest.data(), rest.size(), MSG_WAITALL) == static_cast<ssize_t>(rest.size()))
          serve_(fd, request, rest);
      }
      close(fd);
    }
  }
  std::function<void(int, const relay::Request&, const std::string&)> serve_;
  std::string directory_, path_;
  int listener_ = -1;
  std::thread thread_;
};

void answer(int fd, relay::Reply reply, const std::string& data = "") {
  reply.data_length = static_cast<std::uint32_t>(data.size());
  std::string all(reinterpret_cast<const char*>(&reply), sizeof reply);
  all += data;
  for (std::size_t at = 0; at < all.size();) {
    const auto sent = send(fd, all.data() + at, all.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
}

void send_with_fd(int fd, const void* data, std::size_t size, int passed) {
  char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{const_cast<void*>(data), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &passed, sizeof passed);
  sendmsg(fd, &message, MSG_NOSIGNAL);
}

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

// The fake relay's thread closes its end a moment after the client has its answer.
bool descriptors_come_back_to(int count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (open_descriptors() != count) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("a request arrives whole, with two texts and data; the answer too") {
  const std::string bulk(3 << 18, 'd');
  FakeRelay fake([&](int fd, const relay::Request& request, const std::string& rest) {
    relay::Reply reply;
    reply.a = request.a + 1;
    reply.b = request.text_length;
    answer(fd, reply, rest);
  });
  const int before = open_descriptors();
  std::string into(bulk.size() + 100, 0);
  RelayCall call(relay::Op::write, "first");
  call.more_text = "second";
  call.data = bulk.data();
  call.data_size = bulk.size();
  call.request.a = 41;
  call.into = into.data();
  call.capacity = into.size();
  REQUIRE(fake.client().ask(call) == 0);
  CHECK(call.reply.a == 42);
  CHECK(call.reply.b == 12);
  CHECK(into.substr(0, call.received) == std::string("first\0second", 12) + bulk);
  CHECK(descriptors_come_back_to(before));
}

TEST_CASE("an answer in small pieces, and one larger than the room for it") {
  FakeRelay fake([](int fd, const relay::Request& request, const std::string&) {
    relay::Reply reply;
    reply.data_length = 10;
    std::string all(reinterpret_cast<const char*>(&reply), sizeof reply);
    all += "0123456789";
    const std::size_t piece = request.a == 0 ? 7 : all.size();
    for (std::size_t at = 0; at < all.size(); at += piece)
      send(fd, all.data() + at, std::min(piece, all.size() - at), MSG_NOSIGNAL);
  });
  char into[10];
  RelayCall whole(relay::Op::read_link);
  whole.into = into;
  whole.capacity = 10;
  REQUIRE(fake.client().ask(whole) == 0);
  CHECK(std::string(into, whole.received) == "0123456789");
  RelayCall cut(relay::Op::read_link);
  cut.request.a = 1;
  cut.into = into;
  cut.capacity = 4;
  REQUIRE(fake.client().ask(cut) == 0);
  CHECK(std::string(into, cut.received) == "0123");
  CHECK(cut.reply.data_length == 10);
}

TEST_CASE("a descriptor comes with the answer, close-on-exec; with an error none is kept") {
  FakeRelay fake([](int fd, const relay::Request& request, const std::string&) {
    relay::Reply reply;
    reply.has_fd = 1;
    reply.error = request.a == 1 ? ENOENT : 0;
    send_with_fd(fd, &reply, sizeof reply, 0);
  });
  const int before = open_descriptors();
  RelayCall call(relay::Op::open, "/x");
  REQUIRE(fake.client().ask(call) == 0);
  REQUIRE(call.fd > 2);
  CHECK((fcntl(call.fd, F_GETFD) & FD_CLOEXEC) != 0);
  close(call.fd);
  RelayCall failed(relay::Op::open, "/x");
  failed.request.a = 1;
  CHECK(fake.client().ask(failed) == -ENOENT);
  CHECK(failed.fd == -1);
  CHECK(descriptors_come_back_to(before));
}

TEST_CASE("a descriptor goes with the request") {
  std::atomic<bool> same = false;
  int pair[2];
  REQUIRE(pipe(pair) == 0);
  char name[] = "/tmp/inpod-test-XXXXXX";
  const std::string path = std::string(mkdtemp(name)) + "/relay";
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, path.c_str());
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(listener, 1) == 0);
  std::thread server([&] {
    const int fd = accept(listener, nullptr, nullptr);
    relay::Request request;
    char control[CMSG_SPACE(sizeof(int))];
    iovec part{&request, sizeof request};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    recvmsg(fd, &message, 0);
    if (cmsghdr* header = CMSG_FIRSTHDR(&message)) {
      int passed;
      memcpy(&passed, CMSG_DATA(header), sizeof passed);
      struct stat a, b;
      same = fstat(passed, &a) == 0 && fstat(pair[0], &b) == 0 && a.st_ino == b.st_ino && request.has_fd == 1;
      close(passed);
    }
    answer(fd, {});
    close(fd);
  });
  RelayClient client;
  REQUIRE(client.set_path(path));
  RelayCall call(relay::Op::names);
  call.send_fd = pair[0];
  CHECK(client.ask(call) == 0);
  server.join();
  CHECK(same);
  for (const int fd : {listener, pair[0], pair[1]}) close(fd);
  unlink(path.c_str());
  rmdir(name);
}

TEST_CASE("a relay that is gone, hangs up, or says nonsense is EIO") {
  RelayClient nobody;
  REQUIRE(nobody.set_path("/nonexistent/relay"));
  RelayCall call(relay::Op::stat, "/x");
  CHECK(nobody.ask(call) == -EIO);
  FakeRelay fake([](int fd, const relay::Request& request, const std::string&) {
    relay::Reply reply;
    if (request.a == 1) reply.error = -3;
    if (request.a == 2) reply.error = 1 << 20;
    if (request.a == 3) reply.data_length = 100;  // and then nothing
    if (request.a != 0) send(fd, &reply, request.a == 4 ? 20 : sizeof reply, MSG_NOSIGNAL);
  });
  char into[200];
  for (const std::uint64_t kind : {0, 1, 2, 3, 4}) {
    RelayCall odd(relay::Op::stat, "/x");
    odd.request.a = kind;
    odd.into = into;
    odd.capacity = sizeof into;
    INFO(kind);
    CHECK(fake.client().ask(odd) == -EIO);
  }
}

TEST_CASE("a signal handler interrupts only what is marked interruptible") {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction old {};
  REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
  // Answers when the signals have been sent, or when the client has hung up.
  std::atomic<bool> asked = false, enough = false, returned = false;
  FakeRelay fake([&](int fd, const relay::Request&, const std::string&) {
    asked = true;
    pollfd closed{fd, POLLIN, 0};
    while (!enough && poll(&closed, 1, 1) == 0) {
    }
    answer(fd, {});
  });
  for (const bool interruptible : {false, true}) {
    asked = enough = returned = false;
    const pthread_t self = pthread_self();
    std::thread interrupter([&, most = interruptible ? 10000 : 20] {
      const auto step = std::chrono::milliseconds(1);
      while (!asked && !returned) std::this_thread::sleep_for(step);
      for (int i = 0; i < most && !returned; ++i) {
        pthread_kill(self, SIGUSR1);
        std::this_thread::sleep_for(step);
      }
      enough = true;
    });
    RelayCall call(relay::Op::connect);
    call.interruptible = interruptible;
    const long result = fake.client().ask(call);
    returned = true;
    interrupter.join();
    CHECK(result == (interruptible ? -EINTR : 0));
  }
  sigaction(SIGUSR1, &old, nullptr);
}

TEST_CASE("descriptors of the client move above the standard ones") {
  const int saved = dup(0);  // -1 where the test runs without stdin
  close(0);
  const int low = open("/dev/null", O_RDONLY);
  REQUIRE(low == 0);
  const long moved = move_above_standard(low);
  CHECK(moved > 2);
  CHECK((fcntl(static_cast<int>(moved), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(fcntl(0, F_GETFD) == -1);
  CHECK(move_above_standard(moved) == moved);
  CHECK(move_above_standard(-EMFILE) == -EMFILE);
  close(static_cast<int>(moved));
  if (saved >= 0) {
    REQUIRE(dup2(saved, 0) == 0);
    close(saved);
  }
}

namespace {

/// Runs `work` in a child that may have no more than `limit` descriptors and has used all of them; its exit
/// code.
int without_descriptors(rlim_t limit, const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    rlimit most{};
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &most);
    while (dup(2) >= 0) {
    }
    _exit(work());
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a process that has used up its descriptors can still ask, and is not given another one") {
  std::atomic<int> told = 0;
  FakeRelay fake([&](int fd, const relay::Request& request, const std::string& text) {
    if (request.op == relay::Op::release) return void(++told);
    if (request.op != relay::Op::open) return answer(fd, {}, text);
    relay::Reply reply;
    reply.has_fd = 1;
    send_with_fd(fd, &reply, sizeof reply, fd);
  });
  const auto client = fake.client();
  const auto limit = GENERATE(rlim_t{64}, rlim_t{4}, rlim_t{1});
  CHECK(without_descriptors(limit, [&] {
          char into[16] = "";
          RelayCall stat(relay::Op::stat, "/some/path");
          stat.into = into;
          stat.capacity = sizeof into;
          if (client.ask(stat) != 0 || strcmp(into, "/some/path") != 0) return 1;
          RelayCall open(relay::Op::open, "/some/path");
          if (client.ask(open) != -EMFILE || open.fd != -1) return 2;
          RelayCall release(relay::Op::release);
          client.tell(release);
          return 0;
        }) == 0);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (told == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  CHECK(told == 1);
}

TEST_CASE("the last descriptor that a process may have is enough for what comes with an answer") {
  char name[] = "/tmp/inpod-test-XXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  REQUIRE(write(file, "passed", 6) == 6);
  FakeRelay fake([&](int fd, const relay::Request&, const std::string&) {
    relay::Reply reply;
    reply.has_fd = 1;
    send_with_fd(fd, &reply, sizeof reply, file);
  });
  const auto client = fake.client();
  CHECK(without_descriptors(64, [&] {
          close(63);
          RelayCall open(relay::Op::open, "/some/path");
          if (client.ask(open) != 0 || open.fd != 63) return 1;
          char text[8] = "";
          return pread(open.fd, text, sizeof text, 0) == 6 && strcmp(text, "passed") == 0 ? 0 : 2;
        }) == 0);
  close(file);
}

TEST_CASE("socket paths that do not fit are refused") {
  RelayClient client;
  CHECK_FALSE(client.set_path(""));
  CHECK_FALSE(client.set_path(std::string(108, 'x')));
  CHECK(client.set_path(std::string(107, 'x')));
  CHECK_FALSE(RelayClient().is_set());
}
