// What the agent may ask its monitors for, and their answers. Encoded by the wire protocol's generic codec,
// with a u32 of the length in front; a file descriptor may go with an answer (unix(7), SCM_RIGHTS).
//
// | request          | monitor | answer         | needs                       |
// |------------------|---------|----------------|-----------------------------|
// | SetRedirect      | network | Completed      | NET_ADMIN                   |
// | EndRedirect      | network | Completed      | NET_ADMIN                   |
// | OpenPacketSocket | network | Completed + fd | NET_RAW                     |
// | OpenMarkedSocket | network | Completed + fd | NET_ADMIN                   |
// | ReadTarget       | target  | TargetText + fd| SYS_PTRACE, DAC_READ_SEARCH, or the target's capabilities |
// | FindOpeners      | target  | Openers        | the same                    |
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "incoming/rules.hpp"
#include "target/socket_openers.hpp"

namespace inpod::agent {

/// From now on exactly these ports are stolen (PrivilegedNetwork::redirect).
struct SetRedirect {
  std::vector<StolenPort> ports;
};
BOOST_DESCRIBE_STRUCT(SetRedirect, (), (ports))
struct EndRedirect {};
BOOST_DESCRIBE_STRUCT(EndRedirect, (), ())
struct OpenPacketSocket {};
BOOST_DESCRIBE_STRUCT(OpenPacketSocket, (), ())
struct OpenMarkedSocket {
  bool ipv4 = false;
};
BOOST_DESCRIBE_STRUCT(OpenMarkedSocket, (), (ipv4))
struct ReadTarget {};
BOOST_DESCRIBE_STRUCT(ReadTarget, (), ())
/// Which of these connections the target's container has opened (opened_inside).
struct FindOpeners {
  std::vector<TcpEnds> connections;
};
BOOST_DESCRIBE_STRUCT(FindOpeners, (), (connections))
using MonitorRequest =
    std::variant<SetRedirect, EndRedirect, OpenPacketSocket, OpenMarkedSocket, ReadTarget, FindOpeners>;

struct Completed {};
BOOST_DESCRIBE_STRUCT(Completed, (), ())
/// An Error.
struct Refused {
  std::int32_t code = 0;
  std::string text, remedy;
};
BOOST_DESCRIBE_STRUCT(Refused, (), (code, text, remedy))
inline Refused refusal(const Error& error) {
  return {error.code, error.text, error.remedy};
}
/// environ(7) of the target; the file is its working directory, O_PATH, if that can be had.
struct TargetText {
  std::string environment;
};
BOOST_DESCRIBE_STRUCT(TargetText, (), (environment))
/// For each connection 1 or 0.
struct Openers {
  std::vector<std::uint8_t> inside;
};
BOOST_DESCRIBE_STRUCT(Openers, (), (inside))
using MonitorAnswer = std::variant<Completed, Refused, TargetText, Openers>;

}  // namespace inpod::agent
