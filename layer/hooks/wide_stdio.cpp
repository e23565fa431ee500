// Wide characters from and to streams on files of the pod.
//
// libc's cookie streams know bytes only: the first wide call would crash, as they have no wide buffers. A
// stream that is read gets the buffers of a spare one and becomes an ordinary stream on its descriptor, after
// the whole file has been fetched; it doesn't see the file grow. What is written goes out as bytes of the
// locale's encoding.
#include <fcntl.h>
#include <stdio.h>
#include <wchar.h>

#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "core/raw.hpp"
#include "core/text.hpp"
#include "hooks/stdio.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

// libc's bits of FILE::_flags (libio.h, the same since glibc 2.0).
constexpr int no_writes = 0x8;
constexpr int error_seen = 0x20;

/// The whole file in the memfd, to stay. False and errno where it has none.
bool fetch(int fd) {
  const long value = files::ensure(core, core.fds.get(fd), 0, ~std::uint64_t{0} >> 1, files::Keep::always);
  if (value == 0) return true;
  if (value == -ENODEV)
    core.note_once("wide characters",
                   "can't be read from a file of the pod that is open for writing, or is none of bytes; read "
                   "bytes and convert them");
  errno = value == -ENODEV ? EOPNOTSUPP : static_cast<int>(-value);
  return false;
}

/// A stream that nobody knows of and that has no descriptor, for its wide buffers.
FILE* make_spare() {
  FILE* spare = open_here("/dev/null", "r");
  if (!spare) return nullptr;
  raw::close(spare->_fileno);
  spare->_fileno = -1;
  return spare;
}

/// Makes wide reading possible, or fail as on any stream that has been read by bytes. False and errno: it
/// isn't possible.
bool prepare_reading(FILE* stream) {
  Cookie* cookie = find_foreign(stream);
  if (!cookie) return true;
  if (cookie->is_wide || (!cookie->is_bytes && !fetch(cookie->fd)))
    return stream->_flags |= error_seen, false;
  if (!cookie->wide_source) {
    FILE* spare = make_spare();
    if (!spare) return false;
    cookie->wide_source = spare;
    stream->_wide_data = spare->_wide_data;
  }
  if (cookie->is_bytes) return true;
  stream->_fileno = cookie->fd;
  stream->_mode = 0;
  cookie->is_libcs = true;
  return true;
}

bool put(FILE* stream, Cookie& cookie, wchar_t character) {
  char bytes[MB_LEN_MAX];
  const std::size_t size = wcrtomb(bytes, character, &cookie.shift);
  return size != static_cast<std::size_t>(-1) && fwrite_unlocked(bytes, 1, size, stream) == size;
}

/// Writes wide characters to a cookie stream. False and errno when that fails.
bool put_all(FILE* stream, Cookie& cookie, const wchar_t* text, std::size_t length) {
  if (cookie.is_bytes && !cookie.is_wide) return false;  // as libc does
  cookie.is_wide = true;
  flockfile(stream);
  bool well = true;
  for (std::size_t at = 0; well && at < length; ++at) well = put(stream, cookie, text[at]);
  funlockfile(stream);
  return well;
}

}  // namespace

namespace inpod::layer {

FILE* wide_stream_over(int fd, const char* mode) {
  if (!fetch(fd)) return nullptr;
  FixedText<32> name;
  name << "/proc/self/fd/" << static_cast<std::uint64_t>(fd);
  FILE* stream = open_here(name.c_str(), mode);
  if (!stream) return nullptr;
  const bool closes = (raw::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
  raw::call(SYS_dup3, stream->_fileno, fd, closes ? O_CLOEXEC : 0);
  raw::close(stream->_fileno);
  stream->_fileno = fd;
  return stream;
}

}  // namespace inpod::layer

HOOK(int, fwide, (FILE * stream, int mode)) {
  Cookie* cookie = find_foreign(stream);
  if (!cookie) return original(fwide)(stream, mode);
  if (cookie->is_wide) return 1;
  if (cookie->is_bytes) return -1;
  if (mode < 0) return cookie->is_bytes = true, -1;
  if (mode == 0) return 0;
  if ((stream->_flags & no_writes) == 0) return cookie->is_wide = true, 1;
  return prepare_reading(stream) ? original(fwide)(stream, mode) : 0;
}

/// The body of a hook that reads; `failure` is what it says where the stream can't.
#define READ_OR(failure, name, ...) return prepare_reading(stream) ? original(name)(__VA_ARGS__) : (failure)

HOOK(wint_t, fgetwc, (FILE * stream)) {
  READ_OR(WEOF, fgetwc, stream);
}
HOOK(wint_t, getwc, (FILE * stream)) {
  READ_OR(WEOF, getwc, stream);
}
HOOK(wint_t, fgetwc_unlocked, (FILE * stream)) {
  READ_OR(WEOF, fgetwc_unlocked, stream);
}
HOOK(wint_t, getwc_unlocked, (FILE * stream)) {
  READ_OR(WEOF, getwc_unlocked, stream);
}
HOOK(wint_t, ungetwc, (wint_t character, FILE* stream)) {
  READ_OR(WEOF, ungetwc, character, stream);
}
HOOK(wchar_t*, fgetws, (wchar_t * into, int size, FILE* stream)) {
  READ_OR(nullptr, fgetws, into, size, stream);
}
HOOK(wchar_t*, fgetws_unlocked, (wchar_t * into, int size, FILE* stream)) {
  READ_OR(nullptr, fgetws_unlocked, into, size, stream);
}
HOOK(wchar_t*, __fgetws_chk, (wchar_t * into, size_t room, int size, FILE* stream)) {
  READ_OR(nullptr, __fgetws_chk, into, room, size, stream);
}
HOOK(wchar_t*, __fgetws_unlocked_chk, (wchar_t * into, size_t room, int size, FILE* stream)) {
  READ_OR(nullptr, __fgetws_unlocked_chk, into, room, size, stream);
}
HOOK(int, vfwscanf, (FILE * stream, const wchar_t* format, va_list arguments)) {
  READ_OR(EOF, vfwscanf, stream, format, arguments);
}
HOOK(int, __isoc99_vfwscanf, (FILE * stream, const wchar_t* format, va_list arguments)) {
  READ_OR(EOF, __isoc99_vfwscanf, stream, format, arguments);
}
HOOK(int, __isoc23_vfwscanf, (FILE * stream, const wchar_t* format, va_list arguments)) {
  READ_OR(EOF, __isoc23_vfwscanf, stream, format, arguments);
}

/// The body of a hook with its arguments in the call; `with_list` is the hook that takes them as a list.
#define BY_LIST(with_list)                                      \
  va_list arguments;                                            \
  va_start(arguments, format);                                  \
  const int done = hook_##with_list(stream, format, arguments); \
  va_end(arguments);                                            \
  return done

HOOK(int, fwscanf, (FILE * stream, const wchar_t* format, ...)) {
  BY_LIST(vfwscanf);
}
HOOK(int, __isoc99_fwscanf, (FILE * stream, const wchar_t* format, ...)) {
  BY_LIST(__isoc99_vfwscanf);
}
HOOK(int, __isoc23_fwscanf, (FILE * stream, const wchar_t* format, ...)) {
  BY_LIST(__isoc23_vfwscanf);
}

/// The body of a hook that writes one character.
#define PUT_OR(name)                                     \
  Cookie* cookie = find_foreign(stream);                 \
  if (!cookie) return original(name)(character, stream); \
  return put_all(stream, *cookie, &character, 1) ? static_cast<wint_t>(character) : WEOF

HOOK(wint_t, fputwc, (wchar_t character, FILE* stream)) {
  PUT_OR(fputwc);
}
HOOK(wint_t, putwc, (wchar_t character, FILE* stream)) {
  PUT_OR(putwc);
}
HOOK(wint_t, fputwc_unlocked, (wchar_t character, FILE* stream)) {
  PUT_OR(fputwc_unlocked);
}
HOOK(wint_t, putwc_unlocked, (wchar_t character, FILE* stream)) {
  PUT_OR(putwc_unlocked);
}

HOOK(int, fputws, (const wchar_t* text, FILE* stream)) {
  Cookie* cookie = find_foreign(stream);
  if (!cookie) return original(fputws)(text, stream);
  return put_all(stream, *cookie, text, wcslen(text)) ? 1 : -1;
}

HOOK(int, fputws_unlocked, (const wchar_t* text, FILE* stream)) {
  Cookie* cookie = find_foreign(stream);
  if (!cookie) return original(fputws_unlocked)(text, stream);
  return put_all(stream, *cookie, text, wcslen(text)) ? 1 : -1;
}

namespace {

/// Formats by libc into memory, by `print`, and writes that.
template <class Print>
int print_wide(FILE* stream, Cookie& cookie, Print print) {
  wchar_t* text = nullptr;
  std::size_t length = 0;
  FILE* memory = open_wmemstream(&text, &length);
  if (!memory) return -1;
  const int printed = print(memory);
  close_here(memory);
  const bool well = printed >= 0 && put_all(stream, cookie, text, length);
  free(text);
  return well ? printed : -1;
}

}  // namespace

HOOK(int, vfwprintf, (FILE * stream, const wchar_t* format, va_list arguments)) {
  Cookie* cookie = find_foreign(stream);
  if (!cookie) return original(vfwprintf)(stream, format, arguments);
  return print_wide(stream, *cookie,
                    [&](FILE* memory) { return original(vfwprintf)(memory, format, arguments); });
}

HOOK(int, __vfwprintf_chk, (FILE * stream, int flag, const wchar_t* format, va_list arguments)) {
  Cookie* cookie = find_foreign(stream);
  if (!cookie) return original(__vfwprintf_chk)(stream, flag, format, arguments);
  return print_wide(stream, *cookie,
                    [&](FILE* memory) { return original(__vfwprintf_chk)(memory, flag, format, arguments); });
}

HOOK(int, fwprintf, (FILE * stream, const wchar_t* format, ...)) {
  BY_LIST(vfwprintf);
}

HOOK(int, __fwprintf_chk, (FILE * stream, int flag, const wchar_t* format, ...)) {
  va_list arguments;
  va_start(arguments, format);
  const int done = hook___vfwprintf_chk(stream, flag, format, arguments);
  va_end(arguments);
  return done;
}
