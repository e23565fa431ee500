// Netlink messages byte for byte, as the kernel's headers lay them out, and the reading of what comes back.
#include "incoming/netlink.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "catch.hpp"
#include "incoming/rules.hpp"

using namespace inpod::agent;
using inpod::protocol::Bytes;

TEST_CASE("a batch around one message, as bytes") {
  NetlinkMessages batch;
  batch.begin_batch(0x01020304);
  batch.begin(NFT_MSG_NEWTABLE, NLM_F_ACK | NLM_F_CREATE, 1);
  batch.text(NFTA_TABLE_NAME, "inpod_1");
  batch.number(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  batch.end();
  batch.end_batch();
  const Bytes expected{
      // length, type BATCH_BEGIN (0x10), flags REQUEST, sequence 1, port 0, family 0, version 0, subsystem 10
      28, 0, 0, 0, 0x10, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10,
      // generation
      8, 0, 1, 0, 1, 2, 3, 4,
      // length, NEWTABLE (10 << 8 | 0), REQUEST|ACK|CREATE, sequence 2, family inet
      40, 0, 0, 0, 0, 10, 5, 4, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12, 0, 1, 0, 'i', 'n', 'p', 'o', 'd', '_',
      '1', 0, 8, 0, 2, 0, 0, 0, 0, 2,
      // BATCH_END (0x11)
      20, 0, 0, 0, 0x11, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10};
  CHECK(batch.data() == expected);
  CHECK(batch.count() == 3);
}

TEST_CASE("nested attributes get their length and padding") {
  NetlinkMessages request;
  request.begin(NFT_MSG_NEWRULE, 0, 1);
  request.open(4);
  request.text(1, "ab");
  request.open(2);
  request.close();
  request.close();
  request.end();
  const Bytes body(request.data().begin() + 20, request.data().end());
  CHECK(body == Bytes{16, 0, 4, 0x80, 7, 0, 1, 0, 'a', 'b', 0, 0, 4, 0, 2, 0x80});
}

TEST_CASE("attributes are read back; damage ends the reading") {
  NetlinkMessages request;
  request.begin(NFT_MSG_NEWTABLE, 0, 1);
  request.text(1, "inpod_1");
  request.number(2, 77);
  request.end();
  const std::span<const std::uint8_t> body(request.data().data() + 20, request.data().size() - 20);
  const NetlinkAttributes attributes(body);
  CHECK(attributes.text(1) == "inpod_1");
  CHECK(attributes.number(2) == 77);
  CHECK(attributes.number(1) == 0);
  CHECK(attributes.find(3).empty());
  CHECK(attributes.find(9999).empty());
  for (std::size_t length = 0; length < body.size(); ++length) {
    const NetlinkAttributes cut(body.first(length));
    CHECK(cut.number(2) == 0);
  }
  const Bytes liar{200, 0, 1, 0, 'x', 0, 0, 0};
  CHECK(NetlinkAttributes(liar).find(1).empty());
  const Bytes zero{0, 0, 1, 0};
  CHECK(NetlinkAttributes(zero).find(1).empty());
}

TEST_CASE("a rule's comment names port and developer, whatever the name") {
  for (const auto& [name, shown] : {std::pair<std::string, std::string>{"alice@laptop", "alice@laptop"},
                                    {"eve\"\n@x", "eve??@x"},
                                    {std::string(300, 'a'), std::string(111, 'a')}}) {
    NetlinkMessages batch;
    replace_rules(batch, 1, "inpod_1", {{65535, 40000, name}});
    // The last attribute of the last message is the user data.
    const Bytes& data = batch.data();
    const std::string text(data.begin(), data.end());
    const std::size_t at = text.rfind(std::string("65535 stolen by "));
    REQUIRE(at != std::string::npos);
    const std::size_t length = data[at - 1];
    auto found = read_comment(std::span(data).subspan(at - 2, length + 2));
    REQUIRE(found);
    CHECK(found->port == 65535);
    CHECK(found->client == shown);
  }
}

TEST_CASE("user data of others is not taken for ours") {
  CHECK_FALSE(read_comment({}));
  CHECK_FALSE(read_comment(Bytes{0}));
  CHECK_FALSE(read_comment(Bytes{0, 9, 'x'}));
  CHECK_FALSE(read_comment(Bytes{0, 3, 'x', 'y', 0}));
  CHECK_FALSE(read_comment(Bytes{0, 0}));
  CHECK_FALSE(read_comment(Bytes{5, 2, 1, 2}));
}
