// The secret of clients: made, kept in a file, compared, and taken out of what goes to the adapter.
#include "dap/client_secret.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"

using namespace inpod::dap;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    path = fs::temp_directory_path() / "inpod-secret-XXXXXX";
    REQUIRE(mkdtemp(path.data()));
  }
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

std::string request(const std::string& command, const std::string& arguments) {
  return R"({"seq":1,"type":"request","command":")" + command + R"(","arguments":)" + arguments + "}";
}

}  // namespace

TEST_CASE("a secret is 256 bits that differ each time, and only the whole of it matches") {
  const auto one = ClientSecret::create(), two = ClientSecret::create();
  REQUIRE(one);
  REQUIRE(two);
  const std::string text = one->text();
  CHECK(text.size() == 64);
  CHECK(text != two->text());
  CHECK(one->matches(text));
  CHECK_FALSE(one->matches(two->text()));
  CHECK_FALSE(one->matches(""));
  CHECK_FALSE(one->matches(text.substr(1)));
  CHECK_FALSE(one->matches(text + "0"));
  CHECK_FALSE(one->matches(" " + text.substr(1)));
  CHECK_FALSE(one->matches(std::string(64, 'g')));
}

TEST_CASE("a secret file is made for its owner alone, and read again") {
  Folder folder;
  const std::string file = folder.path + "/secret";
  const auto made = ClientSecret::from_file(file);
  REQUIRE(made);
  struct stat status {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(ClientSecret::from_file(file)->text() == made->text());

  SECTION("not one that others may read") {
    const mode_t mode = GENERATE(0640, 0604, 0620);
    REQUIRE(chmod(file.c_str(), mode) == 0);
    CHECK(ClientSecret::from_file(file).error().text.find("you alone own and may read") != std::string::npos);
  }
  SECTION("not one of another user") {
    if (geteuid() != 0) return;
    REQUIRE(chown(file.c_str(), 65534, 65534) == 0);
    CHECK_FALSE(ClientSecret::from_file(file));
  }
  SECTION("not a link, a directory or a pipe") {
    fs::create_symlink(file, folder.path + "/link");
    REQUIRE(mkfifo((folder.path + "/pipe").c_str(), 0600) == 0);
    CHECK_FALSE(ClientSecret::from_file(folder.path + "/link"));
    CHECK_FALSE(ClientSecret::from_file(folder.path + "/pipe"));
    CHECK_FALSE(ClientSecret::from_file(folder.path));
  }
  SECTION("not one without a secret, which is not quoted") {
    std::ofstream(file) << "0123456789abcdef\n";
    const auto error = ClientSecret::from_file(file).error().to_string();
    CHECK(error.find("does not hold 64 hexadecimal digits") != std::string::npos);
    CHECK(error.find("0123") == std::string::npos);
  }
}

TEST_CASE("the secret is taken out of a request, and the rest stays") {
  const auto [command, with, without] = GENERATE(table<std::string, std::string, std::string>(
      {{"initialize", R"({"inpodSecret":"s","a": 1.0})", R"({"a":1.0})"},
       {"launch", R"({"a":1,"inpodSecret":"x","inpod\u0053ecret":"s"})", R"({"a":1})"},
       {"attach", R"({"cluster":{},"configuration":{"inpodSecret":"s","b":[ 1 ]}})",
        R"({"cluster":{},"configuration":{"b":[ 1 ]}})"},
       {"restart", R"({"arguments":{"configuration":{"inpodSecret":"s"}}})",
        R"({"arguments":{"configuration":{}}})"}}));
  Message message(request(command, with));
  CHECK(take_secret(message) == "s");
  CHECK(message.raw == request(command, without));
  CHECK(message.part(message.envelope.arguments) == without);
}

TEST_CASE("a request without a secret keeps every byte") {
  const std::string raw =
      GENERATE(request("launch", R"({ "a" : 1.0, "configuration": { } })"), request("launch", "[1]"),
               request("evaluate", R"({"inpodSecret":"x"})"), std::string(R"({"seq":1,"type":"event"})"));
  Message message(raw);
  CHECK_FALSE(take_secret(message));
  CHECK(message.raw == raw);
}

TEST_CASE("deep nesting is not followed") {
  std::string arguments;
  for (int i = 0; i < 50000; ++i) arguments += R"({"configuration":)";
  arguments += R"({"inpodSecret":"x"})" + std::string(50000, '}');
  Message message(request("launch", arguments));
  CHECK_FALSE(take_secret(message));
  CHECK(take_secret(message = Message(request("launch", R"({"inpodSecret":7})"))) == "");
}
