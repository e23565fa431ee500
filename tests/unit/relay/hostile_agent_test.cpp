// An agent that answers what no honest one would: refused by the relay, with a note, before a program sees
// it.
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/un.h>

#include "catch.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/program_sockets.hpp"
#include "unit/relay/reader.hpp"

using namespace inpod;
using namespace inpod::test;
using protocol::DirectoryEntry;

namespace {

/// Answers every request of type Request with `answer`.
template <class Request, class Answer>
void answer_with(Bench& bench, Answer answer) {
  bench.on_loop([&] {
    bench.agent.hostile = [&bench, answer](std::uint32_t id, const Message& request) {
      if (!std::holds_alternative<Request>(request)) return false;
      bench.agent.link->respond(id, Answer(answer));
      return true;
    };
  });
}

protocol::FileStat directory_stat() {
  protocol::FileStat stat;
  stat.mode = 040755;
  return stat;
}

protocol::FileStat file_stat(std::uint64_t size) {
  protocol::FileStat stat;
  stat.mode = 0100644;
  stat.size = size;
  return stat;
}

protocol::Directory list_of(std::vector<std::string> names) {
  protocol::Directory page;
  page.stat = directory_stat();
  for (auto& name : names) page.entries.push_back({std::move(name), 5, DT_REG, true, file_stat(1)});
  return page;
}

std::vector<std::string> notes(Bench& bench) {
  return bench.on_loop([&] {
    std::vector<std::string> texts;
    for (auto& event : bench.events)
      if (event.at("event") == "note") texts.push_back(event.at("text"));
    return texts;
  });
}

bool noted(Bench& bench, const std::string& part) {
  const auto texts = notes(bench);
  return std::any_of(texts.begin(), texts.end(), [&](auto& text) { return text.find(part) != text.npos; });
}

std::vector<std::string> names_in(const Received& listed) {
  std::string records(listed.reply.a, '\0');
  REQUIRE(::pread(listed.fd.get(), records.data(), records.size(), 0) ==
          static_cast<ssize_t>(records.size()));
  std::vector<std::string> names;
  for (std::size_t at = 0; at < records.size();) {
    std::uint16_t length = 0;
    std::memcpy(&length, records.data() + at + 16, 2);
    REQUIRE((length >= 24 && length <= records.size() - at));
    names.emplace_back(records.data() + at + 19);
    at += length;
  }
  return names;
}

}  // namespace

TEST_CASE("a directory's entry has a name that a kernel would take, or the list is refused") {
  Bench bench;
  const auto client = bench.client();
  const std::string longest(255, 'n');
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"../../.bashrc", "a name with a slash in it"},
      {"/etc/passwd", "a name with a slash in it"},
      {"a/", "a name with a slash in it"},
      {"/", "a name with a slash in it"},
      {"", "a name that is empty"},
      {std::string("a\0b", 3), "a name with a NUL in it"},
      {longest + "n", "a name longer than 255 bytes"},
      {std::string(65530, 'n'), "a name longer than 255 bytes"},  // the record's length would be 0 in 16 bits
  };
  for (const auto& [name, why] : bad) {
    INFO(name.substr(0, 20));
    answer_with<protocol::ReadDirectory>(bench, list_of({".", "..", "good", name}));
    CHECK(client.call({.op = Op::list, .text = "/data"}).reply.error == EIO);
    CHECK(noted(bench, "about /data was refused (EIO): it has " + why));
    // What opens the directory sees the same list.
    answer_with<protocol::ReadDirectory>(bench, list_of({name}));
    bench.on_loop([&] { bench.agent.files["/data/x"] = {}; });
    CHECK(client.call({.op = Op::open, .a = O_RDONLY | O_DIRECTORY, .text = "/data"}).reply.error == EIO);
  }
  answer_with<protocol::ReadDirectory>(bench,
                                       list_of({".", "..", "...", "..x", "\x1b[2J\n", "\xff", longest}));
  CHECK(names_in(client.call({.op = Op::list, .text = "/odd"})) ==
        std::vector<std::string>{".", "..", "...", "..x", "\x1b[2J\n", "\xff", longest});
  for (const char* name : {".", ".."}) {
    answer_with<protocol::ReadDirectory>(bench, list_of({name, "a", name}));
    CHECK(client.call({.op = Op::list, .text = "/twice"}).reply.error == EIO);
  }
}

TEST_CASE("a directory's list that goes on without entries is refused") {
  Bench bench;
  const auto client = bench.client();
  auto endless = list_of({});
  endless.cursor = 7;
  answer_with<protocol::ReadDirectory>(bench, endless);
  CHECK(client.call({.op = Op::list, .text = "/endless"}).reply.error == EIO);
  CHECK(noted(bench, "a list that does not end"));
}

TEST_CASE("stats are of files that can be") {
  Bench bench;
  const auto client = bench.client();
  auto stat = file_stat(1);
  const char* why = "";
  SECTION("a size that is negative to a program") {
    stat.size = 1ull << 63;
    why = "a size that no file has";
  }
  SECTION("blocks") {
    stat.blocks = ~0ull;
    why = "a size that no file has";
  }
  SECTION("a block size that stdio would allocate") {
    stat.block_size = 1ull << 40;
    why = "a block size that no file has";
  }
  SECTION("a regular file that is a device") {
    stat.special_device = 0x801;
    why = "a device number of what is no device";
  }
  SECTION("no kind of file") {
    stat.mode = 0170644;
    why = "a kind of file that does not exist";
  }
  answer_with<protocol::StatFile>(bench, stat);
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/f"}).reply.error == EIO);
  CHECK(noted(bench, std::string("about /f was refused (EIO): it has ") + why));
  auto list = list_of({"a"});
  list.entries[0].stat = stat;
  answer_with<protocol::ReadDirectory>(bench, list);
  CHECK(client.call({.op = Op::list, .text = "/d"}).reply.error == EIO);
  protocol::OpenedFile opened;
  opened.handle = 1;
  opened.stat = stat;
  opened.real_path = "/f";
  answer_with<protocol::OpenFile>(bench, opened);
  CHECK(client.call({.op = Op::open, .text = "/f"}).reply.error == EIO);
}

TEST_CASE("links and real paths are paths") {
  Bench bench;
  const auto client = bench.client();
  for (const std::string& link : {std::string(), std::string(4096, 'x'), std::string("a\0b", 3)}) {
    answer_with<protocol::ReadLink>(bench, protocol::Text{link});
    CHECK(client.call({.op = Op::read_link, .text = "/l"}).reply.error == EIO);
  }
  answer_with<protocol::ReadLink>(bench, protocol::Text{"../../odd\x1b"});
  CHECK(client.call({.op = Op::read_link, .text = "/l"}).data == "../../odd\x1b");
  for (const std::string& path :
       {std::string(), std::string("relative"), std::string("/a/../b"), std::string("/a//b"),
        std::string("/a/."), std::string("/a/"), std::string("/a\0b", 4), "/" + std::string(4095, 'x')}) {
    INFO(path.substr(0, 20));
    answer_with<protocol::RealPath>(bench, protocol::Text{path});
    CHECK(client.call({.op = Op::real_path, .text = "/p"}).reply.error == EIO);
    if (path.empty()) continue;  // a pipe has none
    protocol::OpenedFile opened;
    opened.stat = file_stat(0);
    opened.real_path = path;
    answer_with<protocol::OpenFile>(bench, opened);
    CHECK(client.call({.op = Op::open, .text = "/p"}).reply.error == EIO);
  }
  for (const char* path : {"/", "/a", "/a/..b/c (deleted)"}) {
    answer_with<protocol::RealPath>(bench, protocol::Text{path});
    CHECK(client.call({.op = Op::real_path, .text = "/p"}).data == path);
  }
}

TEST_CASE("no more bytes come than were asked for, or were written") {
  Config config;
  config.files.mode = "write";
  Bench bench(std::move(config));
  const auto client = bench.client();
  bench.agent.files["/f"] = {"0123456789"};
  const auto opened = client.call({.op = Op::open, .a = O_RDWR, .text = "/f"});
  REQUIRE(opened.reply.error == 0);
  const auto handle = opened.reply.c;
  answer_with<protocol::ReadFile>(bench, protocol::FileData{Bytes(11, 'x'), file_stat(10)});
  CHECK(client.call({.op = Op::read, .a = handle, .b = 10, .c = 0}).reply.error == EIO);
  answer_with<protocol::WriteFile>(bench, protocol::Written{1000, file_stat(10)});
  CHECK(client.call({.op = Op::write, .a = handle, .c = 0, .data = "four"}).reply.error == EIO);
  CHECK(noted(bench, "more bytes than were written"));
  protocol::OpenedFile too_much;
  too_much.stat = file_stat(10);
  too_much.content = Bytes(400 << 10, 'x');
  answer_with<protocol::OpenFile>(bench, too_much);
  CHECK(client.call({.op = Op::open, .text = "/f"}).reply.error == EIO);
}

TEST_CASE("a file that never ends takes no more memory than it said, until somebody reads on") {
  Bench bench;
  const auto client = bench.client();
  std::uint64_t sent = 0;
  bench.on_loop([&] {
    bench.agent.hostile = [&](std::uint32_t id, const Message& request) {
      if (!std::holds_alternative<protocol::OpenFile>(request)) return false;
      protocol::OpenedFile opened;
      opened.handle = 1;
      opened.stat = file_stat(10);
      opened.real_path = "/endless";
      std::shared_ptr<protocol::Stream> stream = std::move(*bench.agent.link->open_stream());
      opened.stream = stream->id();
      bench.agent.link->respond(id, std::move(opened));
      const auto flood = [](std::shared_ptr<protocol::Stream> to, std::uint64_t& count) -> Task<void> {
        const Bytes piece(64 << 10, 'x');
        while (co_await to->write(piece)) count += piece.size();
      };
      bench.agent.spawn(flood(std::move(stream), sent));
      return true;
    };
  });
  const auto opened = client.call({.op = Op::open, .text = "/endless"});
  REQUIRE(opened.reply.error == 0);
  CHECK(client.call({.op = Op::ensure, .a = opened.reply.c, .b = 0, .c = 10}).reply.error == 0);
  // The agent may send as much as the stream's window holds; the relay takes none of it.
  std::uint64_t before = 0;
  int same = 0;
  CHECK(bench.eventually([&] {
    same = std::exchange(before, sent) == sent && sent != 0 ? same + 1 : 0;
    return same == 20;
  }));
  CHECK(before <= 12 << 20);
}

TEST_CASE("names that the pod resolves are names, and their addresses fit") {
  Bench bench;
  const auto client = bench.client();
  protocol::Resolved good;
  good.canonical_name = "db.shop.svc.cluster.local";
  good.aliases = {"db_1", "пример.рф"};
  good.addresses = {{1, 6, ipv4("10.1.2.3", 80)}};
  int number = 0;
  const auto ask = [&](const protocol::Resolved& answer) {
    answer_with<protocol::Resolve>(bench, answer);
    const std::string host = "host" + std::to_string(number++);
    return static_cast<std::int64_t>(
        client.call({.op = Op::resolve, .a = AF_INET, .text = host + std::string("\0", 1)}).reply.a);
  };
  CHECK(ask(good) == 0);
  for (const char* name : {"\x1b[2J", "a b", "a;rm", "a\nb", "../../x", "\u202egpj", "\xff", "$(x)"}) {
    auto bad = good;
    bad.canonical_name = name;
    CHECK(ask(bad) == EAI_AGAIN);
    bad = good;
    bad.aliases.push_back(name);
    CHECK(ask(bad) == EAI_AGAIN);
    answer_with<protocol::ResolveBack>(bench, protocol::ResolvedName{0, name, "http"});
    const auto address = raw(AF_INET, "10.1.2.3", 80);
    const auto back =
        client.call({.op = Op::resolve_back, .address = address.get(), .address_length = address.length});
    CHECK(static_cast<std::int64_t>(back.reply.a) == EAI_AGAIN);
    CHECK(back.data == "");
  }
  auto bad = good;
  bad.canonical_name = std::string(2000, 'a');
  CHECK(ask(bad) == EAI_AGAIN);
  bad = good;
  bad.addresses[0].address.family = protocol::AddressFamily::none;  // a program would read past its memory
  CHECK(ask(bad) == EAI_AGAIN);
  bad.addresses[0].address.family = protocol::AddressFamily::unix_path;
  CHECK(ask(bad) == EAI_AGAIN);
  bad.addresses[0].address.family = protocol::AddressFamily::ipv6;  // where AF_INET was asked for
  CHECK(ask(bad) == EAI_AGAIN);
  bad.addresses.assign(5000, good.addresses[0]);
  CHECK(ask(bad) == EAI_AGAIN);
}

TEST_CASE("connections have addresses of their kind") {
  Bench bench;
  const auto client = bench.client();
  bench.agent.on_connect = [&bench](std::uint32_t id, const protocol::Connect& request) {
    protocol::SocketAddress odd{protocol::AddressFamily::unix_path, {}, 0, 0, std::string(4000, 'x')};
    bench.agent.connected(id, odd, request.remote);
  };
  auto fd = make_socket(AF_INET, SOCK_STREAM);
  CHECK(connect_in_pod(client, fd.get(), raw(AF_INET, "10.0.0.10", 80), true) == EIO);
  Listener listener(client, AF_INET, 8080);
  CHECK(bench.eventually([&] { return bench.agent.subscribed.size() == 1; }));
  int code = 0;
  bench.on_loop([&] {
    std::shared_ptr<protocol::Stream> stream = std::move(*bench.agent.link->open_stream());
    bench.agent.link->notify(
        protocol::Incoming{1, stream->id(), protocol::IncomingMode::steal, {}, ipv4("10.0.0.9", 8080)});
    const auto wait = [](std::shared_ptr<protocol::Stream> from, int& ended) -> Task<void> {
      auto answer = co_await from->read();
      ended = answer ? -1 : answer.error().code;
    };
    bench.agent.spawn(wait(std::move(stream), code));
  });
  CHECK(bench.eventually([&] { return code == ECONNREFUSED; }));
}

TEST_CASE("what the agent tells can be shown, forges no line, and is bounded") {
  Bench bench;
  bench.on_loop([&] {
    bench.agent.link->notify(
        protocol::Note{protocol::Severity::warning, "\x1b]0;owned\x07\x1b[2Ja\ninpod: all is well\u202e"});
    bench.agent.link->notify(protocol::Note{protocol::Severity::error, std::string(100000, 'x')});
    for (int i = 0; i < 1000; ++i)
      bench.agent.link->notify(protocol::Note{protocol::Severity::info, "note " + std::to_string(i)});
  });
  CHECK(bench.eventually([&] {
    return !bench.events.empty() &&
           bench.events.back().value("text", "").find("further notes are left out") != std::string::npos;
  }));
  const auto texts = notes(bench);
  REQUIRE(texts.size() == 101);
  CHECK(texts[0] == "\\x1b]0;owned\\x07\\x1b[2Ja\\ninpod: all is well\\u202e");
  CHECK(texts[1].size() <= 4096);
  // The relay's own notes are heard all the same.
  answer_with<protocol::ReadDirectory>(bench, list_of({""}));
  CHECK(bench.client().call({.op = Op::list, .text = "/d\x1b"}).reply.error == EIO);
  CHECK(noted(bench, "about /d\\x1b was refused"));
}

TEST_CASE("interfaces that no kernel has are refused") {
  Bench bench;
  protocol::Interface eth0;
  eth0.name = "eth0", eth0.index = 2;
  eth0.addresses = {{ipv4("10.0.0.9", 0), {}, 24, "eth0"}};
  bool fits = false;
  SECTION("all is well") {
    fits = true;
  }
  SECTION("a name too long") {
    eth0.name = std::string(16, 'x');
  }
  SECTION("a name with a NUL") {
    eth0.addresses[0].label = std::string("eth0\0", 5);
  }
  SECTION("no number") {
    eth0.index = 0;
  }
  SECTION("a mask too long") {
    eth0.addresses[0].prefix = 33;
  }
  SECTION("an address that is none") {
    eth0.addresses[0].address.family = protocol::AddressFamily::unix_path;
  }
  SECTION("a broadcast address of another family") {
    eth0.addresses[0].other.family = protocol::AddressFamily::ipv6;
  }
  SECTION("more than there can be") {
    eth0.addresses.resize(5000, eth0.addresses[0]);
  }
  answer_with<protocol::GetInterfaces>(bench, protocol::Interfaces{{eth0}});
  const auto reply = bench.client().call({.op = Op::interfaces});
  CHECK(reply.reply.error == (fits ? 0 : EIO));
  CHECK(reply.data.size() == (fits ? 2 * sizeof(relay::InterfaceRecord) : 0));
}
