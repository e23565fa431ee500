// The table of stolen ports. See redirect.hpp.
#include "incoming/redirect.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdio>

namespace inpod::agent {
namespace {

constexpr int most_tries = 16;  // of a change, when the rule set changes under it

struct FoundTable {
  std::uint8_t family = 0;
  std::string name;
  std::uint32_t flags = 0;
};

/// Adds what this kind of failure means to a person.
Error explain(Error error) {
  switch (error.code) {
    case EPERM:
      error.remedy =
          "The agent needs the capability NET_ADMIN in the pod's network namespace to steal ports; mirror "
          "needs only NET_RAW.";
      break;
    case EPROTONOSUPPORT:
    case EOPNOTSUPP:
    case ENOENT:
    case EAFNOSUPPORT:
      error.code = EOPNOTSUPP;
      error.remedy =
          "The node's kernel lacks nf_tables or its nat parts (modules nf_tables, nft_chain_nat, nft_redir, "
          "nft_fib_inet): "
          "load them on the node, or use mirror instead of steal.";
      break;
    default:
      break;
  }
  return error.context("cannot redirect the pod's ports");
}

std::string random_name() {
  std::uint8_t bytes[6] = {};
  (void)::getrandom(bytes, sizeof bytes, 0);
  char hex[2 * sizeof bytes + 1];
  for (std::size_t i = 0; i < sizeof bytes; ++i) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
  return std::string(table_prefix) + hex;
}

/// Binds the abstract unix socket of a table's name; it lives in the network namespace. Fails while its agent
/// lives.
Result<UniqueFd> claim(const std::string& table) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot make a unix socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(table.begin(), table.end(), address.sun_path + 1);
  const auto length = socklen_t(offsetof(sockaddr_un, sun_path) + 1 + table.size());
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail_errno("cannot claim the table " + table);
  return fd;
}

Result<std::vector<FoundTable>> find_tables(NetfilterSocket& socket) {
  NetlinkMessages request;
  request.begin(NFT_MSG_GETTABLE, NLM_F_DUMP, NFPROTO_UNSPEC);
  request.end();
  std::vector<FoundTable> tables;
  TRY_VOID(socket.query(request,
                        [&](std::uint8_t family, std::uint16_t type, std::span<const std::uint8_t> payload) {
                          const NetlinkAttributes table(payload);
                          const auto name = table.text(NFTA_TABLE_NAME);
                          if (type == NFT_MSG_NEWTABLE && name.starts_with(table_prefix))
                            tables.push_back({family, std::string(name), table.number(NFTA_TABLE_FLAGS)});
                        }));
  return tables;
}

Result<std::vector<StolenBy>> read_rules(NetfilterSocket& socket, const FoundTable& table) {
  NetlinkMessages request;
  request.begin(NFT_MSG_GETRULE, NLM_F_DUMP, table.family);
  request.text(NFTA_RULE_TABLE, table.name);
  request.end();
  std::vector<StolenBy> stolen;
  TRY_VOID(
      socket.query(request, [&](std::uint8_t, std::uint16_t type, std::span<const std::uint8_t> payload) {
        const NetlinkAttributes rule(payload);
        if (type != NFT_MSG_NEWRULE || rule.text(NFTA_RULE_TABLE) != table.name) return;
        if (auto found = read_comment(rule.find(NFTA_RULE_USERDATA))) stolen.push_back(std::move(*found));
      }));
  return stolen;
}

/// A table that no kernel and no agent looks after any more: its agent was killed together with its guardian.
bool sweep(NetfilterSocket& socket, const FoundTable& table) {
  if (table.flags & NFT_TABLE_F_OWNER) return false;
  if (!claim(table.name)) return false;
  NetlinkMessages batch;
  batch.begin_batch();
  delete_table(batch, table.family, table.name);
  batch.end_batch();
  return bool(socket.transact(batch));
}

}  // namespace

Result<std::unique_ptr<Redirect>> Redirect::create(Options options) {
  auto socket = NetfilterSocket::open();
  if (!socket) return Failed(explain(socket.error()));
  std::unique_ptr<Redirect> redirect(new Redirect(std::move(*socket), random_name(), options));
  if (auto made = redirect->make_table(); !made) return Failed(explain(made.error()));
  return redirect;
}

std::vector<std::uint8_t> Redirect::families() const {
  if (options_.without_inet) return {NFPROTO_IPV4, NFPROTO_IPV6};
  return {NFPROTO_INET};
}

NetlinkMessages Redirect::removal(const std::string& table) const {
  NetlinkMessages batch;
  batch.begin_batch();
  for (const auto family : families()) delete_table(batch, family, table);
  batch.end_batch();
  return batch;
}

Result<void> Redirect::make_table_once(std::uint32_t* failed) {
  NetlinkMessages batch;
  batch.begin_batch();
  for (const auto family : families())
    add_table(batch, family, table_, options_.without_owner ? 0 : std::uint32_t(NFT_TABLE_F_OWNER));
  batch.end_batch();
  return socket_.transact(batch, failed);
}

Result<void> Redirect::make_table() {
  // Each older kernel refuses one thing more: first the flag (message 2 is the table), then `inet` (3 is a
  // nat chain).
  for (int tries = 0; tries < 3; ++tries) {
    if (options_.without_owner && !guardian_) {
      TRY_ASSIGN(alive, claim(table_));
      TRY_ASSIGN(guardian, Guardian::start(removal(table_).data()));
      alive_ = std::move(alive);
      guardian_ = std::move(guardian);
    }
    std::uint32_t failed = 0;
    auto made = make_table_once(&failed);
    if (made) {
      made_ = true;
      return {};
    }
    const int code = made.error().code;
    const bool refused = code == EOPNOTSUPP || code == EINVAL || code == ENOENT || code == EAFNOSUPPORT;
    if (refused && failed == 2 && !options_.without_owner) {
      options_.without_owner = true;
    } else if (refused && failed >= 2 && !options_.without_inet) {
      options_.without_inet = true;
      guardian_.reset();  // its words were for one table
      alive_.reset();
    } else {
      return Failed(made.error());
    }
  }
  return fail("this kernel's nf_tables refuses every form of the table");
}

Redirect::~Redirect() {
  if (made_) (void)socket_.transact(removal(table_));
}

Result<std::uint32_t> Redirect::generation() {
  NetlinkMessages request;
  request.begin(NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
  request.end();
  std::uint32_t found = 0;
  TRY_VOID(
      socket_.query(request, [&](std::uint8_t, std::uint16_t type, std::span<const std::uint8_t> payload) {
        if (type == NFT_MSG_NEWGEN) found = NetlinkAttributes(payload).number(NFTA_GEN_ID);
      }));
  return found;
}

Result<void> Redirect::check_clash(const std::vector<StolenPort>& ports) {
  TRY_ASSIGN(tables, find_tables(socket_));
  for (const auto& table : tables) {
    if (table.name == table_ || sweep(socket_, table)) continue;
    TRY_ASSIGN(theirs, read_rules(socket_, table));
    for (const auto& stolen : theirs) {
      const bool clash =
          std::any_of(ports.begin(), ports.end(), [&](const StolenPort& p) { return p.port == stolen.port; });
      if (clash) return Failed(already_stolen(stolen.port, stolen.client));
    }
  }
  return {};
}

Result<void> Redirect::set(const std::vector<StolenPort>& ports) {
  Error last;
  for (int tries = 0; tries < most_tries; ++tries) {
    TRY_ASSIGN(generation_now, generation());
    if (auto free = check_clash(ports); !free) {
      last = free.error();
      if (last.code == EINTR) continue;
      return Failed(last);
    }
    NetlinkMessages batch;
    batch.begin_batch(generation_now);
    for (const auto family : families()) replace_rules(batch, family, table_, ports);
    batch.end_batch();
    auto done = socket_.transact(batch);
    if (done) return {};
    last = explain(done.error());
    if (done.error().code != ERESTART) return Failed(last);
  }
  return Failed(last);
}

Error already_stolen(std::uint16_t port, const std::string& client) {
  return {EADDRINUSE, "port " + std::to_string(port) + " of this pod is already stolen by " + client,
          "Ask them to end their session or use mirror; two developers can't steal one whole port."};
}

}  // namespace inpod::agent
