// The handshake: what both sides send before a transport carries anything else. Each proves to the other that
// it knows the session's token, and neither sends it.
//
//   agent  → client  Greeting {version, nonce}  as soon as the transport is there
//   client → agent   Hello {nonce, proof, …}    proof: HMAC-SHA-256, keyed by the token, of Greeting and
//   Hello agent  → client  Welcome {proof, …}         proof: the same of the Hello's proof and of the Welcome
//                    or Rejected
//
// Whoever answers on the agent's port without knowing the token learns nothing that opens the agent: a proof
// is good for one Greeting. Both proofs cover every member, so nothing can be altered on the way either. The
// agent speaks first because its nonce then travels while the transport is still being set up, and the
// handshake takes one round trip.
//
// What it does not do: the frames behind it are neither encrypted nor authenticated, so who can stand between
// a client and the real agent, and forwards the handshake, can read and write the rest.
#pragma once

#include "protocol/link.hpp"

namespace inpod::protocol {

using Token = std::array<std::uint8_t, 32>;  ///< a session's secret, 256 random bits

/// Client's side on a fresh transport, within `timeout`. Sends the Hello with a nonce and a proof. EACCES:
/// the agent refused the proof, or has none itself.
Task<Result<Welcome>> shake_hands(ByteTransport& transport, const Token& token, const Hello& hello,
                                  std::chrono::milliseconds timeout);

/// Agent's side, first half: greets, and reads the Hello (at most 4 KiB), both within `timeout`. EACCES: the
/// Hello does not prove the token. The caller checks version and session.
Task<Result<Hello>> read_hello(ByteTransport& transport, const Token& token,
                               std::chrono::milliseconds timeout);
/// Agent's side, second half: sends the Welcome with its proof.
Task<Result<void>> accept_client(ByteTransport& transport, const Token& token, const Hello& hello,
                                 const Welcome& welcome);
Task<Result<void>> refuse_client(ByteTransport& transport, const Rejected& rejected);

/// Compares in constant time.
bool equal_in_constant_time(const Proof& a, const Proof& b);

}  // namespace inpod::protocol
