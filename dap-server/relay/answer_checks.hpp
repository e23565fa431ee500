// What the agent's answers must look like before anybody acts on them. The agent runs in somebody's cluster,
// and names, sizes and addresses come from whoever has written them there: a name in a list that is `../../x`
// would let `cp -r` write outside its folder, a count larger than what was asked for would make a program
// read past its buffers. A kernel checks the same of a file system in user space (fs/fuse/readdir.c,
// fs/fuse/dir.c).
//
// `ask` (context.hpp) checks every answer by `fault_in`; what is refused is EIO, and a note tells why. Pure.
#pragma once

#include "protocol/messages.hpp"

namespace inpod::relay {

/// What of a request its answer is held against.
struct Asked {
  std::uint64_t length = 0;  ///< bytes that were asked for, or sent
  std::int32_t family = 0;   ///< AF_* of the addresses wanted; 0: any
  bool of_unix = false;      ///< a connection to a unix socket
  enum class Text { other, link, real_path } text = Text::other;
  std::string subject;  ///< the path or name that it was about; empty: an open file
};

template <class Request>
Asked asked_of(const Request& request) {
  Asked asked;
  if constexpr (requires { request.path; }) asked.subject = request.path;
  return asked;
}
Asked asked_of(const protocol::OpenFile& request);
Asked asked_of(const protocol::ReadFile& request);
Asked asked_of(const protocol::WriteFile& request);
Asked asked_of(const protocol::Resolve& request);
Asked asked_of(const protocol::Connect& request);
Asked asked_of(const protocol::ReadLink& request);
Asked asked_of(const protocol::RealPath& request);

/// Why the answer is refused; null: it may be used.
template <class Answer>
const char* fault_in(const Asked&, const Answer&) {
  return nullptr;
}
const char* fault_in(const Asked& asked, const protocol::OpenedFile& opened);
const char* fault_in(const Asked& asked, const protocol::FileData& answer);
const char* fault_in(const Asked& asked, const protocol::FileStream& answer);
const char* fault_in(const Asked& asked, const protocol::Written& answer);
const char* fault_in(const Asked& asked, const protocol::FileStat& stat);
const char* fault_in(const Asked& asked, const protocol::Directory& page);
const char* fault_in(const Asked& asked, const protocol::Text& answer);
const char* fault_in(const Asked& asked, const protocol::Resolved& answer);
const char* fault_in(const Asked& asked, const protocol::ResolvedName& answer);
const char* fault_in(const Asked& asked, const protocol::Connected& answer);
const char* fault_in(const Asked& asked, const protocol::Interfaces& answer);
/// The pod's own names and addresses; its environment is judged elsewhere (session/environment.hpp).
const char* fault_in(const protocol::Pod& pod);
const char* fault_in(const protocol::Incoming& event);

/// A directory's entry: 1 to 255 bytes (NAME_MAX), without `/` and NUL. `.` and `..` may be there.
const char* fault_in_name(std::string_view name);
/// What a symbolic link says: any bytes but NUL, 1 to 4095 (PATH_MAX).
const char* fault_in_link(std::string_view target);
/// A canonical path, as realpath(3) gives: absolute, without empty parts, `.` and `..`.
const char* fault_in_real_path(std::string_view path);

}  // namespace inpod::relay
