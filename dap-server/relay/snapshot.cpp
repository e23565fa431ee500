// Snapshot: see snapshot.hpp.
#include "relay/snapshot.hpp"

#include <fcntl.h>

#include <algorithm>

#include "relay/activity.hpp"

namespace inpod::relay {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t everything = ~std::uint64_t{0};
constexpr std::uint64_t joinable = 4 << 20;       // so far ahead of a stream, waiting beats starting anew
constexpr std::uint64_t random_read = 128 << 10;  // bytes of a read that is not sequential
constexpr std::uint64_t largest_read = protocol::largest_piece;
constexpr std::size_t most_reads = 8;            // at a time, beside the stream
constexpr std::uint64_t growth = 64 << 10;       // bytes that a file may grow by while it comes
constexpr std::chrono::seconds idle_stream{30};  // a reader that pauses longer lets its stream go

std::uint64_t page_up(std::uint64_t value) {
  return (value + page - 1) & ~(page - 1);
}
std::uint64_t page_down(std::uint64_t value) {
  return value & ~(page - 1);
}

}  // namespace

/// One stream of the file's content: where it is and how far it should go.
struct Snapshot::Fetch {
  explicit Fetch(const boost::asio::any_io_executor& executor) : more(executor) {}
  std::unique_ptr<protocol::Stream> stream;
  std::uint64_t position = 0, target = 0, generation = 0;
  std::uint64_t awaited = 0;  // somebody waits for what comes before; the rest is read ahead
  Signal more;
  bool stop = false;
};

Result<std::shared_ptr<Snapshot>> Snapshot::create(Context& context, SlotTable& slots, std::uint64_t handle,
                                                   std::uint32_t slot, protocol::OpenedFile&& opened) {
  std::shared_ptr<Snapshot> file(new Snapshot(context, slots));
  TRY_ASSIGN(memfd, make_memfd("inpod:" + std::to_string(handle) + ":" + std::to_string(slot)));
  file->memfd_ = std::move(memfd);
  file->handle_ = handle;
  file->slot_ = slot;
  file->agent_handle_ = opened.handle;
  file->modified_ns_ = opened.stat.modified_ns;
  file->heard_size_ = opened.stat.size;
  file->shown_until_ = 4 * page;
  file->resize(opened.stat.size);
  const std::uint64_t arrived = opened.content.size();
  file->store(0, opened.content);
  if (opened.stream != 0) {
    auto stream = context.link->take_stream(opened.stream);
    if (!stream) return Failed(stream.error());
    auto fetch = std::make_shared<Fetch>(context.executor);
    fetch->stream = std::move(*stream);
    fetch->position = arrived;
    fetch->target = opened.stat.size + growth;  // no further unasked, however much comes
    file->stream_ = fetch;
    context.spawn(file->follow(file, fetch));
  } else if (arrived > 0 && file->is_whole()) {
    file->ended_at(arrived);  // a file may be shorter than it says (sysfs), or cut since
  }
  file->publish();
  return file;
}

Snapshot::~Snapshot() {
  close();
}

void Snapshot::close() {
  if (std::exchange(closed_, true)) return;
  if (stream_) stream_->stop = true, stream_->more.notify();
  changed_.notify();
}

void Snapshot::lose() {
  agent_handle_ = lost_handle;
  if (stream_) stream_->stop = true, stream_->more.notify(), stream_.reset();
}

Task<Result<std::uint64_t>> Snapshot::ensure(std::uint64_t offset, std::uint64_t length, Keep keep) {
  const auto self = shared_from_this();
  if (keep == Keep::no) length = std::min(length, largest_ensure);
  const auto wanted = length > everything - offset ? everything : offset + length;
  if (keep != Keep::no) CO_TRY_VOID(note_kept({page_down(offset), page_up(std::min(wanted, size_))}, keep));
  struct Waiting {
    std::list<Range>& list;
    std::list<Range>::iterator at;
    ~Waiting() { list.erase(at); }
  } waiting{awaited_, awaited_.insert(awaited_.end(), {offset, std::min(wanted, size_)})};
  anchor_ = offset;
  std::uint64_t last_gap = everything;
  for (int stuck = 0; stuck < 3;) {
    if (closed_) co_return Failed(Error{EIO, "the session is over", {}});
    const auto end = std::min(wanted, size_);
    const auto gap = filled_.first_gap(offset);
    if (offset >= end || gap >= end) {
      shown_until_ = std::max(end, offset) + read_ahead / 2;
      if (stream_) stream_->target = std::max(stream_->target, end + read_ahead), stream_->more.notify();
      anchor_ = offset;
      publish();
      drop_behind();
      co_return size_;
    }
    if (gap == last_gap && failure_ != 0) ++stuck;
    if (gap != last_gap) stuck = 0;
    last_gap = gap;
    failure_ = 0;
    const auto seen = changed_.count();
    fetch_gap(gap, end);
    co_await changed_.wait(seen);
  }
  co_return Failed(Error{failure_ != 0 ? failure_ : EIO, "the pod's file could not be read", {}});
}

/// What has been promised before stays, whatever is refused now.
Result<void> Snapshot::note_kept(Range range, Keep keep) {
  constexpr std::size_t most_pieces = 512;
  if (range.end <= range.begin) return {};
  Ranges mapped = mapped_;
  if (keep == Keep::always) {
    mapped.add(range);
    if (mapped.total() > keep_limit)
      return fail("the program maps more of a remote file than memory should hold",
                  "name the file in files.local, or read it instead of mapping it");
  } else {
    std::uint64_t total = range.size();
    for (const auto& one : a_while_) total += one.size();
    for (; !a_while_.empty() && (total > kept_a_while || a_while_.size() >= most_pieces);
         a_while_.pop_front())
      total -= a_while_.front().size();
    a_while_.push_back(range);
  }
  mapped_ = std::move(mapped);
  kept_ = mapped_;
  for (const auto& one : a_while_) kept_.add(one);
  return {};
}

/// Sees to it that somebody is fetching `gap`. A stream that others wait for is left alone: readers far apart
/// would else stop each other's for ever.
void Snapshot::fetch_gap(std::uint64_t gap, std::uint64_t end) {
  for (const auto& read : reading_)
    if (read.begin <= gap && gap < read.end) return;
  if (stream_ && gap >= stream_->position && gap - stream_->position <= joinable) {
    stream_->target = std::max(stream_->target, end + read_ahead);
    stream_->awaited = std::max(stream_->awaited, end);
    stream_->more.notify();
    return;
  }
  const bool is_free = !stream_ || stream_->position >= stream_->awaited;
  if (is_free && (gap == sequential_at_ || end - gap > largest_read)) return start_stream(gap, end);
  if (reading_.size() >= most_reads) return;  // the waiter looks again when one of them is there
  auto length = std::clamp(end - gap, random_read, largest_read);
  for (const auto& read : reading_)
    if (gap < read.begin) length = std::min(length, read.begin - gap);
  reading_.push_back({gap, gap + length});
  sequential_at_ = gap + length;
  context_.spawn(read_range(shared_from_this(), gap, static_cast<std::uint32_t>(length)));
}

Task<void> Snapshot::read_range([[maybe_unused]] std::shared_ptr<Snapshot> self, std::uint64_t offset,
                                std::uint32_t length) {
  const auto generation = generation_;
  protocol::ReadFile request{agent_handle_, offset, length, false};
  auto answer = co_await ask<protocol::FileData>(context_, std::move(request));
  std::erase_if(reading_, [offset](const Range& read) { return read.begin == offset; });
  if (!answer) {
    failure_ = code_of(answer.error());
  } else if (generation == generation_) {
    store(offset, answer->data);
    if (answer->data.size() < length && offset + answer->data.size() < size_)
      ended_at(offset + answer->data.size());
    publish();
  }
  changed_.notify();
}

void Snapshot::start_stream(std::uint64_t offset, std::uint64_t end) {
  if (stream_) stream_->stop = true, stream_->more.notify();
  stream_ = std::make_shared<Fetch>(context_.executor);
  stream_->position = offset;
  stream_->target = end + read_ahead;
  stream_->awaited = end;
  stream_->generation = generation_;
  context_.spawn(follow(shared_from_this(), stream_));
}

/// Receives a stream into the memfd, no further than its target; opens it first where that has not been done.
Task<void> Snapshot::follow([[maybe_unused]] std::shared_ptr<Snapshot> self, std::shared_ptr<Fetch> fetch) {
  if (!fetch->stream) {
    protocol::StreamFile request{agent_handle_, fetch->position, size_ - std::min(size_, fetch->position)};
    auto answer = co_await ask<protocol::FileStream>(context_, std::move(request));
    if (!answer) {
      failure_ = code_of(answer.error());
      finish(fetch, false);
      co_return;
    }
    auto stream = context_.link->take_stream(answer->stream);
    if (!stream) {
      failure_ = code_of(stream.error());
      finish(fetch, false);
      co_return;
    }
    fetch->stream = std::move(*stream);
  }
  bool to_the_end = false;
  while (!fetch->stop) {
    if (fetch->position >= fetch->target) {
      const bool asked = co_await fetch->more.wait_for(idle_stream);
      if (!asked && fetch->position >= fetch->target) break;
      continue;
    }
    auto data = co_await fetch->stream->read();
    if (fetch->stop || fetch->generation != generation_) break;
    if (!data) {
      const int code = code_of(data.error());
      failure_ =
          code == ECONNRESET ? EIO : code;  // the session is lost; else why the agent could not read on
      break;
    }
    if (data->empty()) {
      to_the_end = true;
      break;
    }
    store(fetch->position, *data);
    fetch->position += data->size();
    sequential_at_ = fetch->position;
    publish();
    drop_behind();
    changed_.notify();
  }
  finish(fetch, to_the_end);
}

void Snapshot::finish(const std::shared_ptr<Fetch>& fetch, bool to_the_end) {
  if (to_the_end && fetch->position < size_) ended_at(fetch->position);
  if (stream_ == fetch) stream_.reset();
  publish();
  changed_.notify();
}

void Snapshot::store(std::uint64_t offset, const Bytes& data) {
  for (std::size_t done = 0; done < data.size();) {
    const auto length =
        ::pwrite(memfd_.get(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) {
      failure_ = errno;  // no memory left: the range stays missing, and its readers get this
      return;
    }
    done += static_cast<std::size_t>(length);
  }
  size_ = std::max(size_, offset + data.size());
  filled_.add({offset, offset + data.size()});
  context_.activity->bytes_read(data.size());
}

/// The content ends here, whatever stat says.
void Snapshot::ended_at(std::uint64_t offset) {
  filled_.remove({offset, everything});
  resize(offset);
}

void Snapshot::resize(std::uint64_t size) {
  size_ = size;
  if (::ftruncate(memfd_.get(), static_cast<off_t>(size)) != 0) failure_ = errno;
}

void Snapshot::update(const protocol::FileStat& stat) {
  const bool grown = stat.size > heard_size_, cut = stat.size < heard_size_;
  const bool rewritten = stat.modified_ns != modified_ns_ && !grown;
  heard_size_ = stat.size;
  modified_ns_ = stat.modified_ns;
  if (rewritten || cut) {
    ++generation_;
    if (stream_) stream_->stop = true, stream_->more.notify(), stream_.reset();
    filled_.clear();
    sequential_at_ = 0;
  }
  if (rewritten || cut) resize(stat.size);
  // The memory file grows with its bytes: who reads it without hooks sees no hole in the place of what is to
  // come.
  if (grown) size_ = stat.size;
  publish();
  changed_.notify();
}

Task<Result<Bytes>> Snapshot::read(std::uint64_t offset, std::uint32_t length) {
  Bytes result;
  if (const Range range{offset, std::min(offset + length, size_)};
      range.begin < range.end && filled_.contains(range)) {
    result.resize(range.size());
    if (::pread(memfd_.get(), result.data(), result.size(), static_cast<off_t>(offset)) ==
        static_cast<ssize_t>(result.size()))
      co_return result;
    result.clear();
  }
  while (result.size() < length) {
    const auto piece =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(length - result.size(), largest_read));
    protocol::ReadFile request{agent_handle_, offset + result.size(), piece, false};
    CO_TRY(answer, co_await ask<protocol::FileData>(context_, std::move(request)));
    result.insert(result.end(), answer.data.begin(), answer.data.end());
    if (answer.data.size() < piece) break;
  }
  co_return result;
}

void Snapshot::publish() {
  if (closed_) return;  // the slot may be another file's by now
  auto range = filled_.around(anchor_).value_or(Range{anchor_, anchor_});
  if (!is_whole()) range.end = std::min(range.end, std::max(shown_until_, range.begin));
  range.end = std::min(range.end, size_);
  slots_.publish(slot_, size_, range.end > range.begin ? range : Range{});
}

/// Keeps a window's memory within its budget: what lies far from the reader goes, unless it is to be kept.
void Snapshot::drop_behind() {
  if (is_whole() || filled_.total() <= window_budget + kept_.total()) return;
  Ranges staying = kept_;
  for (const auto& range : awaited_) staying.add(range);
  if (filled_.total() <= window_budget + staying.total()) return;
  const Range near{anchor_ - std::min(anchor_, read_ahead), anchor_ + largest_ensure + 2 * read_ahead};
  const auto goal = window_budget * 3 / 4 + staying.total();
  for (int rounds = 0; filled_.total() > goal && rounds < 64; ++rounds) {
    auto victim = filled_.next(drop_cursor_);
    if (!victim) {
      if (drop_cursor_ == 0) return;
      drop_cursor_ = 0;
      continue;
    }
    Range part{std::max(victim->begin, drop_cursor_), victim->end};
    if (part.begin < near.end && part.end > near.begin) {
      if (part.begin >= near.begin) {
        drop_cursor_ = near.end;
        continue;
      }
      part.end = near.begin;
    }
    if (const auto kept = staying.next(part.begin); kept && kept->begin < part.end) {
      if (kept->begin <= part.begin) {
        drop_cursor_ = kept->end;
        continue;
      }
      part.end = kept->begin;
    }
    part.end = std::min(part.end, part.begin + (filled_.total() - goal) + page);
    drop_cursor_ = part.end;
    punch({page_up(part.begin), page_down(part.end)});
  }
}

void Snapshot::punch(Range range) {
  if (range.end <= range.begin) return;
  filled_.remove(range);
  publish();  // first no reader may trust the range, then it goes
  ::fallocate(memfd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.begin),
              static_cast<off_t>(range.size()));
}

}  // namespace inpod::relay
