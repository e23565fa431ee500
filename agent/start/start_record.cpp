// See start_record.hpp.
#include "start/start_record.hpp"

#include <poll.h>
#include <unistd.h>

#include <variant>

#include "protocol/described_codec.hpp"
#include "protocol/little_endian.hpp"

namespace inpod::agent {
namespace {

using Form = std::variant<StartRecord>;  // the codec speaks variants; more forms can be appended
using protocol::Bytes;

using Clock = std::chrono::steady_clock;

/// Error (ETIMEDOUT): nothing to read until `end`.
Result<void> wait_readable(int fd, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd wanted{fd, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&wanted, 1, static_cast<int>(left)) : 0;
    if (ready > 0) return {};
    if (ready == 0) return Failed(Error{ETIMEDOUT, "the start record did not come in time", {}});
    if (errno != EINTR) return fail_errno("cannot wait for the start record");
  }
}

Result<Bytes> read_exactly(int fd, std::size_t length, Clock::time_point end) {
  Bytes bytes(length);
  for (std::size_t filled = 0; filled < length;) {
    TRY_VOID(wait_readable(fd, end));
    ssize_t count = ::read(fd, bytes.data() + filled, length - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot read the start record");
    if (count == 0)
      return fail("the start record on stdin is cut short", "inpod-agent is started by inpod, not by hand");
    filled += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace

Result<Bytes> encode_start_record(const StartRecord& record) {
  TRY_ASSIGN(body, protocol::Writer().take(Form(record)));
  if (body.size() > max_start_record) return fail("the start record is larger than 64 KiB");
  Bytes result(sizeof(std::uint32_t));
  protocol::store_little_endian(result.data(), static_cast<std::uint32_t>(body.size()));
  result.insert(result.end(), body.begin(), body.end());
  return result;
}

Result<StartRecord> read_start_record(int fd, std::chrono::milliseconds bound) {
  const auto end = Clock::now() + bound;
  TRY_ASSIGN(head, read_exactly(fd, sizeof(std::uint32_t), end));
  auto length = protocol::load_little_endian<std::uint32_t>(head.data());
  if (length > max_start_record) return fail("the start record on stdin is larger than 64 KiB");
  TRY_ASSIGN(body, read_exactly(fd, length, end));
  auto form_or_error = protocol::Reader(body).take<Form>();
  if (!body.empty()) ::explicit_bzero(body.data(), body.size());  // the token is in it
  TRY_ASSIGN(form, std::move(form_or_error));
  auto& record = std::get<StartRecord>(form);
  if (record.version != protocol::protocol_version)
    return fail("the start record is of protocol version " + std::to_string(record.version) +
                    ", this agent speaks " + std::to_string(protocol::protocol_version),
                "use inpod and inpod-agent of the same release");
  return std::move(record);
}

}  // namespace inpod::agent
