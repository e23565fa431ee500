// See client_secret.hpp.
#include "dap/client_secret.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <charconv>

#include "protocol/handshake.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::dap {
namespace {

constexpr const char* secret_key = "inpodSecret";

std::optional<Token> parse_secret(std::string_view text) {
  Token bits{};
  if (text.size() != 2 * bits.size()) return std::nullopt;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const char* at = text.data() + 2 * i;
    if (const auto [end, error] = std::from_chars(at, at + 2, bits[i], 16);
        error != std::errc() || end != at + 2)
      return std::nullopt;
  }
  return bits;
}

Result<void> write_secret(const std::string& file, const std::string& secret) {
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  const std::string line = secret + "\n";
  if (!fd || write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return fail_errno("cannot make the secret file " + file);
  return {};
}

bool carries_secret(const std::string& command) {
  return command == "initialize" || command == "launch" || command == "attach" || command == "restart";
}

/// `text` without the key, if it is there; `depth` levels below are searched, too.
std::optional<std::string> without_secret(std::string_view text, int depth,
                                          std::optional<std::string>& secret) {
  auto object = RawObject::parse(text);
  if (!object) return std::nullopt;
  bool changed = false;
  for (const char* inside : {"arguments", "configuration"}) {
    const auto inner = depth > 0 ? object->raw(inside) : std::nullopt;
    const auto stripped = inner ? without_secret(*inner, depth - 1, secret) : std::nullopt;
    if (!stripped) continue;
    object->erase(inside);
    object->set_raw(inside, *stripped);
    changed = true;
  }
  if (object->has(secret_key)) {
    const auto value = object->get(secret_key);
    secret = value.is_string() ? value.get<std::string>() : std::string();
    object->erase(secret_key);
    changed = true;
  }
  return changed ? std::optional(object->text()) : std::nullopt;
}

}  // namespace

Result<ClientSecret> ClientSecret::create() {
  TRY_ASSIGN(bits, random_token());
  return ClientSecret(bits);
}

Result<ClientSecret> ClientSecret::from_file(const std::string& file) {
  const UniqueFd fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    TRY_ASSIGN(made, create());
    TRY_VOID(write_secret(file, made.text()));
    return made;
  }
  if (!fd) return fail_errno("cannot read the secret file " + file);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return fail_errno("cannot read the secret file " + file);
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return fail("the secret file " + file + " is not a file that you alone own and may read",
                "chmod 600, or name one that does not exist: it is made");
  std::array<char, 128> content{};
  const ssize_t length = ::read(fd.get(), content.data(), content.size());
  std::string_view text(content.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  const auto bits = parse_secret(text);
  if (!bits)
    return fail("the secret file " + file + " does not hold 64 hexadecimal digits",
                "delete it: a new one is made");
  return ClientSecret(*bits);
}

std::string ClientSecret::text() const {
  std::string out;
  for (const std::uint8_t byte : bits_) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

bool ClientSecret::matches(std::string_view shown) const {
  const auto bits = parse_secret(shown);
  return bits && protocol::equal_in_constant_time(*bits, bits_);
}

std::optional<std::string> take_secret(Message& message) {
  std::optional<std::string> secret;
  const auto& envelope = message.envelope;
  if (envelope.kind != Envelope::Kind::request || !envelope.arguments || !carries_secret(envelope.name))
    return secret;
  // Of a restart: arguments, in it the launch's arguments, in them a configuration.
  if (const auto stripped = without_secret(message.part(envelope.arguments), 2, secret))
    message = Message(splice(message.raw, {{*envelope.arguments, *stripped}}));
  return secret;
}

}  // namespace inpod::dap
