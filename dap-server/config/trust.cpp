// The store of trusted config files.
#include "config/trust.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "os/directories.hpp"
#include "os/protected_path.hpp"

namespace inpod::config {
namespace {

namespace fs = std::filesystem;

/// SHA-256 in pieces.
class Digest {
 public:
  Digest() { ok_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1; }
  void add(const char* bytes, std::size_t count) {
    ok_ = ok_ && EVP_DigestUpdate(context_.get(), bytes, count) == 1;
  }
  void add(const std::string& bytes) { add(bytes.data(), bytes.size()); }
  Result<std::string> hex() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!ok_ || EVP_DigestFinal_ex(context_.get(), bytes, &length) != 1)
      return fail("SHA-256 is not to be had from OpenSSL");
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
      text += "0123456789abcdef"[bytes[i] >> 4];
      text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  bool ok_ = false;
};

Result<std::string> sha256(const std::string& content) {
  Digest digest;
  digest.add(content);
  return digest.hex();
}

/// The digest of a file's bytes, or that there is none.
Result<std::string> digest_of_file(const std::string& path) {
  // Not to wait for a writer, should it be a FIFO.
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return "none";
  Digest digest;
  char bytes[65536];
  ssize_t count = 0;
  while ((count = read(file.get(), bytes, sizeof bytes)) > 0)
    digest.add(bytes, static_cast<std::size_t>(count));
  if (count < 0) return fail_errno("cannot read " + path);
  return digest.hex();
}

Result<std::string> store() {
  TRY_ASSIGN(directory, state_directory("trust"));
  TRY_VOID(check_protected(directory));
  return directory;
}

Result<std::string> entry_of(const std::string& path) {
  TRY_ASSIGN(directory, store());
  TRY_ASSIGN(name, sha256(path));
  return directory + "/" + name + ".json";
}

/// Nothing where it is no entry of ours.
std::optional<TrustedFile> read_entry(const std::string& entry) {
  const auto file = open_protected(entry);
  if (!file) return std::nullopt;
  char text[64 << 10];
  const ssize_t length = read(file->fd.get(), text, sizeof text);
  if (length <= 0) return std::nullopt;
  const auto value = nlohmann::json::parse(text, text + length, nullptr, false);
  const auto part = [&](const char* key) {
    const auto found = value.is_object() ? value.find(key) : value.end();
    return value.is_object() && found != value.end() && found->is_string() ? found->get<std::string>() : "";
  };
  TrustedFile trusted{part("path"), part("sha256"), part("since")};
  if (trusted.path.empty() || trusted.digest.empty()) return std::nullopt;
  return trusted;
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  tm parts{};
  char text[32];
  gmtime_r(&time, &parts);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

Result<Trust> trust_in(const std::string& path, const std::string& digest) {
  TRY_ASSIGN(entry, entry_of(path));
  const auto trusted = read_entry(entry);
  if (!trusted) return Trust::none;
  return trusted->digest == digest ? Trust::given : Trust::changed;
}

Result<void> give_trust(const std::string& path, const std::string& digest) {
  TRY_ASSIGN(entry, entry_of(path));
  const nlohmann::json value{{"path", path}, {"sha256", digest}, {"since", now()}};
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::string fresh = entry + ".XXXXXX";
  const UniqueFd file(mkostemp(fresh.data(), O_CLOEXEC));  // mode 0600
  if (!file) return fail_errno("cannot write to " + fs::path(entry).parent_path().string());
  const bool written = write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (written && rename(fresh.c_str(), entry.c_str()) == 0) return {};
  auto error = fail_errno("cannot write " + entry);
  unlink(fresh.c_str());
  return error;
}

Result<bool> revoke_trust(const std::string& path) {
  TRY_ASSIGN(entry, entry_of(path));
  if (unlink(entry.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return fail_errno("cannot remove " + entry);
}

Result<std::vector<TrustedFile>> trusted_files() {
  TRY_ASSIGN(directory, store());
  std::vector<TrustedFile> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".json") continue;
    if (auto trusted = read_entry(entry.path().string())) files.push_back(std::move(*trusted));
  }
  if (error) return fail("cannot read " + directory + ": " + error.message());
  std::sort(files.begin(), files.end(),
            [](const TrustedFile& a, const TrustedFile& b) { return a.path < b.path; });
  return files;
}

Result<std::string> digest_of(const std::string& content, const std::vector<std::string>& files) {
  Digest digest;
  digest.add(content);
  for (const auto& path : files) {
    // Of each file its digest, which has one length: its bytes could look like the end of it.
    TRY_ASSIGN(one, digest_of_file(path));
    digest.add("\n" + std::to_string(path.size()) + " " + path + " " + one);
  }
  return digest.hex();
}

std::string shell_word(const std::string& path) {
  constexpr const char* plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@%:,";
  if (!path.empty() && path.find_first_not_of(plain) == std::string::npos) return path;
  std::string word = "'";
  for (const char c : path) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace inpod::config
