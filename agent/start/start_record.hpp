// StartRecord: what `inpod-agent` is told when it starts. It comes on the agent's stdin, never by argv,
// because it holds the session's token; a u32 (little endian) of its length stands in front. The session
// encodes it, the agent decodes it, both with the wire protocol's generic codec.
//
// After it is ready, the agent prints one line to stdout: `inpod-agent ready port=<n> version=<protocol
// version>` (port 0: it was given a socket), or `inpod-agent failed: <text>`, and then exits with a status
// other than 0.
#pragma once

#include <array>
#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod::agent {

constexpr std::size_t max_start_record = 64 * 1024;  ///< bytes, without the length in front

struct StartRecord {
  std::uint32_t version = protocol::protocol_version;
  std::array<std::uint8_t, 32> token{};  ///< what a client must prove to know
  /// The target: container_id is looked for in every process's cgroup (any runtime, full id); where none
  /// matches, or it is empty, pid is taken. Neither: targetless, the agent acts in its own namespaces.
  std::string container_id;
  std::uint32_t pid = 0;
  /// Where clients connect: socket ≥ 0 is an inherited fd (a listening or a connected stream socket); else
  /// port of 127.0.0.1 in the agent's own network namespace, 0 for any.
  std::int32_t socket = -1;
  std::uint16_t port = 0;
  std::uint32_t lease_seconds = 300;         ///< it stays so long after its last client left
  std::uint32_t first_client_seconds = 120;  ///< it leaves when no client came in that time
  std::uint32_t resume_seconds = 60;         ///< a client whose transport was lost may come back for so long
  std::string client;                        ///< "user@host" that started it, for the log
  std::vector<protocol::Probe> probes;       ///< of the pod's spec; they always go to the pod
};
BOOST_DESCRIBE_STRUCT(StartRecord, (),
                      (version, token, container_id, pid, socket, port, lease_seconds, first_client_seconds,
                       resume_seconds, client, probes))

/// The bytes to write to the agent's stdin: length and record.
Result<protocol::Bytes> encode_start_record(const StartRecord& record);
/// Reads length and record from `fd` (blocking). Bad lengths, other versions and short input are errors, and
/// so is a record that is not there within `bound`: whoever made an agent's container may have gone, or its
/// Job have made the pod anew.
Result<StartRecord> read_start_record(int fd, std::chrono::milliseconds bound = std::chrono::seconds(120));

}  // namespace inpod::agent
