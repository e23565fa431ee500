// Replies of name servers: what is in them, and that malformed ones are no danger.
#include "names/dns_answer.hpp"

#include <cstdint>

#include "catch.hpp"
#include "names/literal.hpp"

using namespace inpod::agent;
using inpod::protocol::Bytes;

namespace {

void put16(Bytes& bytes, unsigned value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8)), bytes.push_back(static_cast<std::uint8_t>(value));
}
void put_name(Bytes& bytes, const std::string& name) {
  for (std::size_t at = 0; at < name.size();) {
    std::size_t end = std::min(name.find('.', at), name.size());
    bytes.push_back(static_cast<std::uint8_t>(end - at));
    bytes.insert(bytes.end(), name.begin() + static_cast<std::ptrdiff_t>(at),
                 name.begin() + static_cast<std::ptrdiff_t>(end));
    at = end + 1;
  }
  bytes.push_back(0);
}
void put_record(Bytes& bytes, const std::string& owner, unsigned type, const Bytes& data) {
  put_name(bytes, owner);
  put16(bytes, type), put16(bytes, 1), put16(bytes, 0), put16(bytes, 60);
  put16(bytes, static_cast<unsigned>(data.size()));
  bytes.insert(bytes.end(), data.begin(), data.end());
}
Bytes name_bytes(const std::string& name) {
  Bytes bytes;
  put_name(bytes, name);
  return bytes;
}
Bytes reply_start(const std::string& question, unsigned type, unsigned answers) {
  Bytes bytes{0x12, 0x34, 0x81, 0x80, 0, 1};
  put16(bytes, answers), put16(bytes, 0), put16(bytes, 0);
  put_name(bytes, question);
  put16(bytes, type), put16(bytes, 1);
  return bytes;
}

}  // namespace

TEST_CASE("Addresses behind a chain of aliases", "[names]") {
  Bytes reply = reply_start("a.test", 1, 4);
  put_record(reply, "a.test", 5, name_bytes("b.test"));
  put_record(reply, "b.test", 5, name_bytes("c.test"));
  put_record(reply, "c.test", 1, {10, 0, 0, 1});
  put_record(reply, "c.test", 1, {10, 0, 0, 2});
  auto answer = parse_dns_reply(reply, DnsType::a);
  CHECK(answer.status == DnsAnswer::Status::found);
  CHECK(answer.canonical == "c.test");
  CHECK(answer.aliases == std::vector<std::string>{"a.test", "b.test"});
  REQUIRE(answer.addresses.size() == 2);
  CHECK(literal_of(answer.addresses[1]) == "10.0.0.2");
  CHECK(parse_dns_reply(reply, DnsType::aaaa).status == DnsAnswer::Status::no_data);
}

TEST_CASE("Names of addresses", "[names]") {
  Bytes reply = reply_start("1.0.0.10.in-addr.arpa", 12, 2);
  put_record(reply, "1.0.0.10.in-addr.arpa", 12, name_bytes("first.test"));
  put_record(reply, "1.0.0.10.in-addr.arpa", 12, name_bytes("second.test"));
  CHECK(parse_dns_reply(reply, DnsType::ptr).canonical == "first.test");
}

TEST_CASE("Cut, bent and looping replies", "[names]") {
  Bytes reply = reply_start("a.test", 28, 2);
  put_record(reply, "a.test", 5, name_bytes("b.test"));
  put_record(reply, "b.test", 28, Bytes(16, 7));
  REQUIRE(parse_dns_reply(reply, DnsType::aaaa).status == DnsAnswer::Status::found);
  for (std::size_t length = 0; length < reply.size(); ++length)
    CHECK(parse_dns_reply(std::span(reply).first(length), DnsType::aaaa).status ==
          DnsAnswer::Status::try_again);
  for (std::size_t at = 0; at < reply.size(); ++at) {
    for (int value : {0, 0x3f, 0xc0, 0xff}) {
      Bytes bent = reply;
      bent[at] = static_cast<std::uint8_t>(value);
      (void)parse_dns_reply(bent, DnsType::aaaa);
    }
  }
  Bytes looping = reply_start("a.test", 1, 1);
  put_record(looping, "a.test", 5,
             {0xc0, static_cast<std::uint8_t>(looping.size() + 18)});  // a pointer to itself
  CHECK(parse_dns_reply(looping, DnsType::a).status == DnsAnswer::Status::try_again);
  Bytes short_address = reply_start("a.test", 1, 1);
  put_record(short_address, "a.test", 1, {10, 0});
  CHECK(parse_dns_reply(short_address, DnsType::a).status == DnsAnswer::Status::try_again);
}
