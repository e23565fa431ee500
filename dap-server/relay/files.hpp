// Files: every file that debuggees hold open in the pod, by handle. Opens them (Snapshot, RemoteFile or a
// directory's list), answers the operations on handles, and closes them in the pod once no process holds
// them: at once would be too early, as a child of fork says hello only after its parent may have closed, so a
// handle lingers for a second, or less where its room is needed.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>

#include "relay/paths.hpp"
#include "relay/plain_ends.hpp"
#include "relay/processes.hpp"
#include "relay/remote_file.hpp"
#include "relay/slots.hpp"
#include "relay/snapshot.hpp"

namespace inpod::relay {

class Files {
 public:
  static constexpr std::size_t max_files = 65536;
  static constexpr std::uint64_t memory_budget = 1ull
                                                 << 30;  ///< bytes of whole files; past it files have no copy

  Files(Context& context, SlotTable& slots, Processes& processes, Paths& paths)
      : context_(context), slots_(slots), processes_(processes), paths_(paths), linger_(context.executor) {}

  Task<Answer> open(Call call);
  Task<Answer> ensure(Call call);
  Task<Answer> refresh(Call call);
  Task<Answer> read(Call call);
  Task<Answer> write(Call call);
  Task<Answer> seek(Call call);
  Task<Answer> truncate(Call call);
  Task<Answer> file_stat(Call call);
  Task<Answer> control(Call call);
  /// What code without hooks can use in the place of a descriptor; see plain_ends.hpp.
  Task<Answer> plain(Call call);
  Task<Answer> written(Call call);
  Task<Answer> change_attributes(Call call);

  /// Paths::change; after it, what was heard of any open file is asked for anew.
  Task<Answer> change_path(Call call);

  /// Whose pipes: those to regular files, since a FIFO may keep a writer waiting for ever; or all.
  enum class Pipes { to_files, all };
  /// Whether something written without hooks has not reached its file yet; waits for that.
  bool has_waiting(Pipes which) const;
  Task<void> settle(Pipes which);

  /// Whether such a write has failed.
  bool lost_output() const { return lost_output_; }

  bool has(std::uint64_t handle) const { return files_.contains(handle); }
  /// The pod has gone, and with it what was open there; says which files debuggees still hold.
  void lose();
  /// No process holds it any more: closed a little later, unless somebody has taken it up by then.
  void unused(std::uint64_t handle);
  void close();
  std::size_t count() const { return files_.size(); }

 private:
  /// A child of fork or exec has said by then that it holds the file.
  static constexpr std::chrono::milliseconds shortest_linger{100};
  struct File;
  struct Listing;
  std::shared_ptr<File> find(const Call& call);
  Answer take_in(const Call& call, std::uint64_t handle, protocol::OpenedFile opened,
                 std::optional<Paths::Listing> listing);
  Result<void> make_snapshot(File& file, std::uint32_t slot, protocol::OpenedFile opened, Answer& answer);
  Result<void> make_placeholder(File& file, Answer& answer);
  Answer give_pipe(const std::shared_ptr<File>& file);
  Answer give_feed(const std::shared_ptr<File>& file, std::uint64_t offset);
  Task<void> run_feed(std::shared_ptr<File> file, UniqueFd end, std::uint64_t offset);
  static bool is_used_plainly(const File& file);
  std::shared_ptr<Listing> start_list(const std::string& path, std::uint64_t handle);
  Task<void> run_list(std::shared_ptr<Listing> listing, std::string path, std::string memfd_name);
  Task<void> renew(std::shared_ptr<File> file);
  void doubt_all();
  Task<void> sweep();
  bool forget_longest_unused(std::chrono::milliseconds age = shortest_linger);
  Task<Result<protocol::OpenedFile>> open_in_pod(protocol::OpenFile request);
  Answer refuse_open(const Error& error);
  Task<void> unlock(std::uint64_t agent_handle);
  Task<void> drop(std::uint64_t agent_handle);
  void remove(std::uint64_t handle);

  Context& context_;
  SlotTable& slots_;
  Processes& processes_;
  Paths& paths_;
  std::unordered_map<std::uint64_t, std::shared_ptr<File>> files_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_inode_;  // of the memfd
  std::unordered_map<std::uint64_t, std::uint64_t> by_pipe_;   // by the inode of its WritePipe
  struct Unused {
    std::uint64_t handle;
    Clock::time_point since;
  };
  std::deque<Unused> unused_;  // the longest first
  std::uint64_t next_handle_ = 1, memory_ = 0;
  boost::asio::steady_timer linger_;
  bool sweeping_ = false, lost_output_ = false;
};

}  // namespace inpod::relay
