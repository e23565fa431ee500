// Paths: see paths.hpp.
#include "relay/paths.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "relay/slots.hpp"
#include "relay/snapshot.hpp"

namespace inpod::relay {
namespace {

constexpr std::size_t most_stats = 8192;
constexpr std::size_t most_listed = 65536;      // names in all cached lists
constexpr std::size_t largest_list = 64 << 20;  // bytes of records

/// One record of getdents64(2): inode, offset cookie, record length, type, name.
struct DirentHead {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
} __attribute__((packed));

std::uint8_t known_type(std::uint8_t type) {
  for (const std::uint8_t known : {DT_FIFO, DT_CHR, DT_DIR, DT_BLK, DT_REG, DT_LNK, DT_SOCK})
    if (type == known) return type;
  return DT_UNKNOWN;
}

/// Names are short (answer_checks.hpp), so the length fits its 16 bits.
void append_record(Bytes& records, const protocol::DirectoryEntry& entry) {
  const auto length = (sizeof(DirentHead) + entry.name.size() + 1 + 7) & ~std::size_t{7};
  const auto at = records.size();
  records.resize(at + length);
  const DirentHead head{entry.inode, static_cast<std::int64_t>(at + length),
                        static_cast<std::uint16_t>(length), known_type(entry.type)};
  std::memcpy(records.data() + at, &head, sizeof(head));
  std::memcpy(records.data() + at + sizeof(head), entry.name.data(), entry.name.size());
}

/// The records again, each as long as the longest.
Bytes to_one_length(const Bytes& records) {
  const auto head_at = [&](std::size_t at) {
    DirentHead head;
    std::memcpy(&head, records.data() + at, sizeof(head));
    return head;
  };
  std::size_t count = 0;
  std::uint16_t longest = 0;
  for (std::size_t at = 0; at < records.size(); at += head_at(at).length, ++count)
    longest = std::max(longest, head_at(at).length);
  Bytes equal(count * longest);
  auto* to = equal.data();
  for (std::size_t at = 0; at < records.size(); at += head_at(at).length, to += longest) {
    auto head = head_at(at);
    std::memcpy(to, records.data() + at, head.length);
    head.length = longest;
    head.offset = to - equal.data() + longest;
    std::memcpy(to, &head, sizeof(head));
  }
  return equal;
}

std::string without_trailing_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Answer stat_answer(int error, const protocol::FileStat& stat) {
  Answer answer;
  answer.reply.error = error;
  if (error == 0) answer.reply.stat = to_stat(stat);
  return answer;
}

Answer text_answer(const std::string& text) {
  Answer answer;
  answer.data.assign(text.begin(), text.end());
  return answer;
}

}  // namespace

Stat to_stat(const protocol::FileStat& from) {
  Stat to{};
  to.device = from.device, to.inode = from.inode, to.mode = from.mode, to.links = from.links;
  to.uid = from.uid, to.gid = from.gid, to.special_device = from.special_device, to.size = from.size;
  to.block_size = from.block_size, to.blocks = from.blocks, to.accessed_ns = from.accessed_ns;
  to.modified_ns = from.modified_ns, to.changed_ns = from.changed_ns, to.born_ns = from.born_ns;
  return to;
}

std::optional<Paths::Known> Paths::lookup(const std::string& path, bool follow) {
  const auto now = Clock::now();
  const auto exact = stats_.find((follow ? 'f' : 'l') + path);
  if (exact != stats_.end() && now - exact->second.when < freshness) return exact->second;
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto name = path.substr(slash + 1);
  const auto list = lists_.find(slash == 0 ? "/" : path.substr(0, slash));
  if (name.empty() || name == "." || name == ".." || list == lists_.end() ||
      now - list->second.when >= freshness)
    return std::nullopt;
  const auto entry = list->second.entries.find(name);
  if (entry == list->second.entries.end()) {
    if (list->second.names.contains(name)) return std::nullopt;
    return Known{list->second.when, ENOENT, {}};
  }
  if (follow && S_ISLNK(entry->second.mode)) return std::nullopt;
  return Known{list->second.when, 0, entry->second};
}

void Paths::remember(const std::string& path, bool follow, int error, const protocol::FileStat& stat) {
  if (error != 0 && error != ENOENT && error != ENOTDIR) return;
  trim();
  stats_[(follow ? 'f' : 'l') + path] = Known{Clock::now(), error, stat};
}

void Paths::trim() {
  if (stats_.size() < most_stats) return;
  const auto now = Clock::now();
  std::erase_if(stats_, [&](auto& entry) { return now - entry.second.when >= freshness; });
  if (stats_.size() >= most_stats) stats_.clear();
}

void Paths::forget() {
  ++changes_;
  stats_.clear();
  lists_.clear();
  listed_ = 0;
}

int Paths::known_missing(const std::string& path) {
  const auto known = lookup(path, true);
  return known ? known->error : 0;
}

Task<Answer> Paths::stat(Call call) {
  const bool follow = call.request.a == 1;
  if (const auto known = lookup(call.text, follow)) co_return stat_answer(known->error, known->stat);
  const auto changes = changes_;
  protocol::StatFile request;
  request.path = call.text;
  request.follow = follow;
  auto stat = co_await ask<protocol::FileStat>(context_, std::move(request));
  const int error = stat ? 0 : code_of(stat.error());
  const auto value = stat ? *stat : protocol::FileStat{};
  if (changes == changes_) remember(call.text, follow, error, value);
  co_return stat_answer(error, value);
}

Task<Answer> Paths::access(Call call) {
  const bool follow = (call.request.b & AT_SYMLINK_NOFOLLOW) == 0;
  const auto known = lookup(call.text, follow);
  if (known && (known->error != 0 || call.request.a == F_OK)) co_return refuse(known->error);
  protocol::AccessFile request;
  request.path = call.text;
  request.mode = static_cast<std::uint32_t>(call.request.a);
  request.flags = static_cast<std::uint32_t>(call.request.b);
  auto done = co_await ask<protocol::Done>(context_, std::move(request));
  co_return refuse(done ? 0 : code_of(done.error()));
}

Task<Answer> Paths::read_link(Call call) {
  const auto known = lookup(call.text, false);
  if (known && known->error != 0) co_return refuse(known->error);
  if (known && !S_ISLNK(known->stat.mode)) co_return refuse(EINVAL);
  protocol::ReadLink request;
  request.path = call.text;
  auto text = co_await ask<protocol::Text>(context_, std::move(request));
  if (!text) co_return refuse(code_of(text.error()));
  co_return text_answer(text->text);
}

Task<Answer> Paths::real_path(Call call) {
  const auto known = lookup(call.text, true);
  if (known && known->error != 0) co_return refuse(known->error);
  protocol::RealPath request;
  request.path = call.text;
  auto text = co_await ask<protocol::Text>(context_, std::move(request));
  if (!text) co_return refuse(code_of(text.error()));
  co_return text_answer(text->text);
}

Task<Answer> Paths::list(Call call) {
  auto listing = co_await list(call.text, "inpod-list");
  if (!listing) co_return refuse(code_of(listing.error()));
  Answer answer;
  answer.reply.a = listing->bytes;
  answer.reply.stat = to_stat(listing->stat);
  answer.fd = std::move(listing->memfd);
  co_return answer;
}

Task<Result<Paths::Listing>> Paths::list(std::string path, std::string memfd_name) {
  path = without_trailing_slash(std::move(path));
  const auto changes = changes_;
  Listing listing;
  KnownList known;
  Bytes records;
  std::uint64_t cursor = 0;
  int dots = 0, parents = 0;
  do {
    protocol::ReadDirectory request;
    request.path = path;
    request.cursor = cursor;
    CO_TRY(page, co_await ask<protocol::Directory>(context_, std::move(request)));
    if (cursor == 0) listing.stat = page.stat;
    for (auto& entry : page.entries) {
      if ((entry.name == "." && dots++ != 0) || (entry.name == ".." && parents++ != 0)) {
        const Asked asked{.subject = path};
        co_return Failed(refuse_answer(context_, asked, "a name twice that is there once"));
      }
      append_record(records, entry);
      if (known.names.size() > most_listed) continue;  // too many to be remembered
      if (entry.has_stat) known.entries.emplace(entry.name, entry.stat);
      known.names.insert(std::move(entry.name));
    }
    if (records.size() > largest_list) co_return fail_errno("list " + path, EOVERFLOW);
    cursor = page.cursor;
  } while (cursor != 0);
  records = to_one_length(records);
  CO_TRY(memfd, make_memfd(memfd_name));
  if (::write(memfd.get(), records.data(), records.size()) != static_cast<ssize_t>(records.size()))
    co_return fail_errno("list " + path, ENOMEM);
  CO_TRY(readable, reopen(memfd.get(), O_RDONLY));
  listing.memfd = std::move(readable);
  listing.bytes = records.size();
  if (changes == changes_ && known.names.size() <= most_listed) {
    if (listed_ + known.names.size() > most_listed) lists_.clear(), listed_ = 0;
    listed_ += known.names.size();
    known.when = Clock::now();
    lists_[path] = std::move(known);
  }
  co_return listing;
}

Task<Answer> Paths::change(Call call) {
  if (call.request.a > static_cast<std::uint64_t>(protocol::PathChange::truncate)) co_return refuse(EINVAL);
  if (!context_.may_write()) co_return refuse(EROFS);
  protocol::ChangePath request;
  request.change = static_cast<protocol::PathChange>(call.request.a);
  request.number = call.request.b;
  const auto cut = call.text.find('\0');
  request.path = call.text.substr(0, cut);
  if (cut != std::string::npos) request.other = call.text.substr(cut + 1);
  forget();
  auto done = co_await ask<protocol::Done>(context_, std::move(request));
  forget();
  co_return refuse(done ? 0 : code_of(done.error()));
}

}  // namespace inpod::relay
