// Snapshot: a remote regular file, opened for reading, as a memfd that the program reads at native speed.
//
// Up to `whole_limit` the content comes with the answer to open, the rest streams in behind. Larger files are
// sparse memfds of the full size, filled where they are read: a sequential reader gets one long stream that
// runs up to `read_ahead` past it (held back by the stream's credit), a random one single reads of 128 KiB
// and more. Behind the reader, holes are punched so that at most `window_budget` bytes stay, unless a range
// was asked to be kept (mmap; for a while: aio_read). The file's size is the pod's as last heard; a file
// rewritten in place is read anew once `refresh` sees its new time.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "relay/context.hpp"
#include "relay/ranges.hpp"
#include "relay/slots.hpp"

namespace inpod::relay {

constexpr std::uint64_t whole_limit = 8 << 20;     ///< bytes: up to here a file is fetched whole at open
constexpr std::uint32_t inline_limit = 256 << 10;  ///< bytes: up to here with the answer itself
constexpr std::uint64_t read_ahead = 8 << 20;      ///< bytes past the last one asked for
constexpr std::uint64_t window_budget = 64 << 20;  ///< bytes kept of a file larger than whole_limit
constexpr std::uint64_t largest_ensure = 8 << 20;  ///< bytes of one `ensure` that doesn't ask to keep
constexpr std::uint64_t keep_limit = 4ull << 30;   ///< bytes that one file may keep (mmap)
constexpr std::uint64_t kept_a_while = 256 << 20;  ///< bytes of a file that asynchronous reads keep
constexpr std::chrono::milliseconds freshness{
    1000};  ///< how long what the pod said about a file is taken as true

/// Op::ensure's d.
enum class Keep : std::uint64_t { no, always, a_while };

class Snapshot : public std::enable_shared_from_this<Snapshot> {
 public:
  /// Takes the answer to open: writes its content, follows its stream. Where there are no descriptors for it
  /// (ENFILE) the answer stays as it is.
  static Result<std::shared_ptr<Snapshot>> create(Context& context, SlotTable& slots, std::uint64_t handle,
                                                  std::uint32_t slot, protocol::OpenedFile&& opened);
  ~Snapshot();

  /// The memfd again, read-only, with an offset of its own, for the program.
  Result<UniqueFd> program_fd() const { return reopen(memfd_.get(), O_RDONLY_); }
  int memfd() const { return memfd_.get(); }
  std::uint32_t slot() const { return slot_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t resident() const { return filled_.total(); }

  /// Waits until [offset, offset+length) is there, as far as the file goes; the size.
  Task<Result<std::uint64_t>> ensure(std::uint64_t offset, std::uint64_t length, Keep keep);
  /// Takes over what the pod now says about the file.
  void update(const protocol::FileStat& stat);
  /// Reads past the window that the slot shows: what is there, or else straight from the pod.
  Task<Result<Bytes>> read(std::uint64_t offset, std::uint32_t length);
  /// The pod has gone: what is here stays, the rest gives ESTALE.
  void lose();
  /// No more fetching; waiting ones get EIO.
  void close();

 private:
  static constexpr int O_RDONLY_ = 0;
  struct Fetch;

  Snapshot(Context& context, SlotTable& slots)
      : context_(context), slots_(slots), changed_(context.executor) {}
  Task<void> follow(std::shared_ptr<Snapshot> self, std::shared_ptr<Fetch> fetch);
  Task<void> read_range(std::shared_ptr<Snapshot> self, std::uint64_t offset, std::uint32_t length);
  void start_stream(std::uint64_t offset, std::uint64_t end);
  void finish(const std::shared_ptr<Fetch>& fetch, bool to_the_end);
  void store(std::uint64_t offset, const Bytes& data);
  void ended_at(std::uint64_t offset);
  void fetch_gap(std::uint64_t gap, std::uint64_t end);
  bool is_whole() const { return size_ <= whole_limit; }
  void publish();
  void drop_behind();
  Result<void> note_kept(Range range, Keep keep);
  void punch(Range range);
  void resize(std::uint64_t size);

  Context& context_;
  SlotTable& slots_;
  Signal changed_;
  UniqueFd memfd_;
  std::uint64_t handle_ = 0, agent_handle_ = 0;
  std::uint32_t slot_ = 0;
  std::uint64_t size_ = 0, heard_size_ = 0;
  std::int64_t modified_ns_ = 0;
  Ranges filled_;
  Ranges mapped_, kept_;           // kept for good; that, and what is kept for a while
  std::deque<Range> a_while_;      // the oldest first
  std::uint64_t anchor_ = 0;       // last offset asked for
  std::uint64_t shown_until_ = 0;  // a window is shown to here, so that its reader comes back before its end
  std::uint64_t sequential_at_ = 0;  // where a sequential reader would miss next
  std::uint64_t drop_cursor_ = 0;
  std::shared_ptr<Fetch> stream_;
  std::vector<Range> reading_;
  std::list<Range> awaited_;  // by those who wait in `ensure`
  int failure_ = 0;
  std::uint64_t generation_ = 0;  // raised when what is being fetched is stale
  bool closed_ = false;
};

}  // namespace inpod::relay
