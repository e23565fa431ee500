// The target's credentials, from /proc/<pid>/status.
#include "target/credentials.hpp"

#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "catch.hpp"
#include "target/proc.hpp"

using inpod::agent::parse_credentials;
using inpod::agent::take_on;

TEST_CASE("Credentials of a process with other ids and few capabilities", "[credentials]") {
  auto parsed = parse_credentials(
      "Name:\tUid: 7\nUmask:\t0027\nState:\tS "
      "(sleeping)\nUid:\t1000\t1001\t1002\t1003\nGid:\t2000\t2001\t2002\t2003\n"
      "Groups:\t4 24 2000 "
      "\nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t0000000000000400\n");
  REQUIRE(parsed);
  CHECK(parsed->uids == std::array<uid_t, 3>{1000, 1001, 1002});
  CHECK(parsed->gids == std::array<gid_t, 3>{2000, 2001, 2002});
  CHECK(parsed->groups == std::vector<gid_t>{4, 24, 2000});
  CHECK(parsed->permitted == 0xa80425fb);
  CHECK(parsed->effective == 0x400);
}

TEST_CASE("No groups", "[credentials]") {
  auto parsed = parse_credentials(
      "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\nCapPrm:\t000001ffffffffff\nCapEff:"
      "\t000001ffffffffff\n");
  REQUIRE(parsed);
  CHECK(parsed->groups.empty());
  CHECK(parsed->permitted == 0x1ffffffffff);
}

TEST_CASE("A status that is none is an error", "[credentials]") {
  CHECK_FALSE(parse_credentials(""));
  CHECK_FALSE(parse_credentials("Uid:\t0\t0\nGid:\t0\t0\t0\t0\n"));
  CHECK_FALSE(parse_credentials("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"));
}

TEST_CASE("Our own status says what the kernel says", "[credentials]") {
  auto text = inpod::agent::read_small_file("/proc/self/status");
  REQUIRE(text);
  auto parsed = parse_credentials(*text);
  REQUIRE(parsed);
  CHECK(parsed->uids[0] == ::getuid());
  CHECK(parsed->gids[1] == ::getegid());
}

TEST_CASE("A thread takes on what it has already", "[credentials]") {
  auto text = inpod::agent::read_small_file("/proc/self/status");
  REQUIRE(text);
  auto parsed = parse_credentials(*text);
  REQUIRE(parsed);
  std::string problem;
  mode_t mask = 077;
  std::thread([&] {
    ::unshare(CLONE_FS);
    ::umask(mask);
    if (auto taken = take_on(*parsed); !taken) problem = taken.error().to_string();
    mask = ::umask(0);
  }).join();
  CHECK(problem == "");
  CHECK(mask == 0);  // modes are the client's
}

TEST_CASE("Ids that can't be taken on are an error for who has the capabilities", "[credentials]") {
  // In a user namespace without mappings all capabilities are there, and no id can be had.
  constexpr int refused = 3, taken = 4, no_namespace = 5;
  inpod::agent::Credentials credentials;
  credentials.uids = {1000, 1000, 1000};
  credentials.gids = {1000, 1000, 1000};
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(no_namespace);
    auto result = take_on(credentials);
    ::_exit(result                                                                          ? taken
            : result.error().text.find("group ids (1000, 1000, 1000)") != std::string::npos ? refused
                                                                                            : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  CHECK((code == refused || code == no_namespace));
}
