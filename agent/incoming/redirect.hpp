// Redirect: this agent's table of stolen ports in the pod's network namespace, and what makes it go away
// again.
//
// From Linux 5.12 on the table has the flag `owner`: the kernel deletes it when our netlink socket closes,
// however the agent ends. Older kernels refuse the flag; there a Guardian deletes the table, and an abstract
// unix socket of the table's name says that its agent lives, so that the next agent sweeps what even the
// guardian could not. Kernels before 5.2 have no nat chains for `inet`: two tables of the same name, `ip` and
// `ip6`.
//
// Changes are transactions on the rule set's generation: two agents that steal the same port at the same
// moment can't both succeed. All calls return at once; not thread-safe; call them in the pod's network
// namespace.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "incoming/guardian.hpp"
#include "incoming/rules.hpp"

namespace inpod::agent {

/// EADDRINUSE, naming whose session has the port.
Error already_stolen(std::uint16_t port, const std::string& client);

class Redirect {
 public:
  /// What an older kernel would make us do; for tests.
  struct Options {
    bool without_owner = false;
    bool without_inet = false;
  };
  /// Errors: EPERM (no CAP_NET_ADMIN), EPROTONOSUPPORT or EOPNOTSUPP (a kernel without nf_tables).
  static Result<std::unique_ptr<Redirect>> create(Options options);
  /// Deletes the table.
  ~Redirect();
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;

  /// From now on exactly these ports are stolen. On an error nothing has changed. EADDRINUSE: a port is
  /// stolen by another agent; the text names its developer.
  Result<void> set(const std::vector<StolenPort>& ports);
  /// The table's name.
  const std::string& table() const { return table_; }
  bool has_guardian() const { return guardian_ != nullptr; }

 private:
  Redirect(NetfilterSocket socket, std::string table, Options options)
      : socket_(std::move(socket)), table_(std::move(table)), options_(options) {}
  Result<void> make_table();
  Result<void> make_table_once(std::uint32_t* failed);
  Result<std::uint32_t> generation();
  Result<void> check_clash(const std::vector<StolenPort>& ports);
  std::vector<std::uint8_t> families() const;
  NetlinkMessages removal(const std::string& table) const;

  NetfilterSocket socket_;
  std::string table_;
  Options options_;
  bool made_ = false;
  UniqueFd alive_;  ///< the abstract socket; only without the flag `owner`
  std::unique_ptr<Guardian> guardian_;
};

}  // namespace inpod::agent
