// Files: see files.hpp.
#include "relay/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstring>

#include <boost/asio/post.hpp>

#include "protocol/printable.hpp"
#include "relay/activity.hpp"
#include "relay/open_file.hpp"

namespace inpod::relay {

struct Files::Listing {
  explicit Listing(const boost::asio::any_io_executor& executor) : done(executor) {}
  std::optional<Result<Paths::Listing>> result;
  Signal done;
};

namespace {

constexpr std::chrono::milliseconds usual_linger{1000};

bool starts_with(const std::string& text, const char* prefix) {
  return text.rfind(prefix, 0) == 0;
}

bool opens_for_writing(std::uint64_t flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

/// Kernel-made files say size 0 or a page, and change from read to read.
bool is_made_by_kernel(const protocol::OpenedFile& opened) {
  return opened.stat.size == 0 &&
         (starts_with(opened.real_path, "/proc/") || starts_with(opened.real_path, "/sys/"));
}

FileKind kind_of(const protocol::OpenedFile& opened, std::uint64_t flags) {
  if (S_ISDIR(opened.stat.mode)) return FileKind::directory;
  if (!S_ISREG(opened.stat.mode) || (flags & O_ACCMODE) != O_RDONLY || (flags & O_PATH) != 0)
    return FileKind::handle;
  return is_made_by_kernel(opened) ? FileKind::handle : FileKind::snapshot;
}

}  // namespace

std::shared_ptr<Files::File> Files::find(const Call& call) {
  auto handle = call.request.a;
  if (handle == 0 && call.request.op == Op::file_stat) {
    const auto& inodes = call.request.c == 1 ? by_pipe_ : by_inode_;
    const auto by_inode = inodes.find(call.request.b);
    if (by_inode == inodes.end()) return nullptr;
    handle = by_inode->second;
  }
  const auto at = files_.find(handle);
  if (at == files_.end()) return nullptr;
  processes_.add_reference(call.pid, handle);  // it may have come by SCM_RIGHTS
  return at->second;
}

Task<Answer> Files::open(Call call) {
  const auto flags = call.request.a;
  const bool writes = opens_for_writing(flags);
  if (call.text.empty() || call.text[0] != '/') co_return refuse(call.text.empty() ? ENOENT : EINVAL);
  if (writes && !context_.may_write()) co_return refuse(EROFS);
  while (files_.size() >= max_files || memory_ >= memory_budget)
    if (!forget_longest_unused()) break;
  if (files_.size() >= max_files)
    co_return refuse_open(Error{ENFILE,
                                "the program holds " + std::to_string(max_files) + " of the pod's files open",
                                "no more can be; keep fewer open"});
  if (!writes)
    if (const int missing = paths_.known_missing(call.text)) co_return refuse(missing);
  protocol::OpenFile request;
  request.path = call.text;
  request.flags = static_cast<std::uint32_t>(flags);
  request.mode = static_cast<std::uint32_t>(call.request.b);
  const bool content = !writes && (flags & (O_PATH | O_DIRECTORY)) == 0 && memory_ < memory_budget;
  request.prefetch_limit = content ? whole_limit : 0;
  request.inline_limit = content ? inline_limit : 0;
  if (writes) paths_.forget();
  const auto handle = next_handle_++;
  const auto generation = context_.generation;
  std::shared_ptr<Listing> listing;
  if (!writes && (flags & (O_DIRECTORY | O_PATH)) == O_DIRECTORY)
    listing = start_list(call.text, handle);  // O_TMPFILE names a directory, too
  auto opened = co_await open_in_pod(std::move(request));
  if (writes) paths_.forget();
  if (!opened) co_return refuse_open(opened.error());
  if (context_.closed) co_return refuse(EIO);
  if (S_ISDIR(opened->stat.mode) && (flags & O_PATH) == 0 && !listing)
    listing = start_list(call.text, handle);
  while (listing && !listing->result) co_await listing->done.wait();
  if (generation != context_.generation) co_return refuse(ESTALE);
  if (listing && !*listing->result && S_ISDIR(opened->stat.mode)) {
    context_.spawn(drop(opened->handle));
    co_return refuse_open(listing->result->error());
  }
  std::optional<Paths::Listing> listed;
  if (listing && *listing->result) listed = std::move(**listing->result);
  co_return take_in(call, handle, std::move(*opened), std::move(listed));
}

/// Where the agent's own descriptors are used up, once more without the files that only linger.
Task<Result<protocol::OpenedFile>> Files::open_in_pod(protocol::OpenFile request) {
  auto opened = co_await ask<protocol::OpenedFile>(context_, protocol::OpenFile(request));
  if (opened || opened.error().code != EMFILE) co_return opened;
  bool forgot = false;
  while (forget_longest_unused()) forgot = true;
  // The agent closes those first: it takes requests in the order in which they are asked.
  if (forgot) co_await boost::asio::post(context_.executor, boost::asio::use_awaitable);
  if (forgot) opened = co_await ask<protocol::OpenedFile>(context_, std::move(request));
  if (!opened && opened.error().code == EMFILE)
    co_return Failed(Error{ENFILE, "the agent in the pod has no file descriptors left",
                           "keep fewer of the pod's files open"});
  co_return opened;
}

/// What has a remedy isn't the program's own limit or mistake, so the user is told.
Answer Files::refuse_open(const Error& error) {
  if (!error.remedy.empty()) context_.activity->note("warning", error.to_string());
  return refuse(code_of(error));
}

/// Lists a directory beside its opening: one round trip for both.
std::shared_ptr<Files::Listing> Files::start_list(const std::string& path, std::uint64_t handle) {
  auto listing = std::make_shared<Listing>(context_.executor);
  context_.spawn(run_list(listing, path, "inpod-d:" + std::to_string(handle)));
  return listing;
}

Task<void> Files::run_list(std::shared_ptr<Listing> listing, std::string path, std::string memfd_name) {
  listing->result = co_await paths_.list(std::move(path), std::move(memfd_name));
  listing->done.notify();
}

/// Enters an opened file into the table and makes the program's descriptor.
Answer Files::take_in(const Call& call, std::uint64_t handle, protocol::OpenedFile opened,
                      std::optional<Paths::Listing> listing) {
  auto file = std::make_shared<File>();
  file->handle = handle;
  file->agent_handle = opened.handle;
  file->flags = static_cast<std::uint32_t>(call.request.a);
  file->path = call.text;
  file->real_path = opened.real_path;
  file->stat = opened.stat;
  file->heard = Clock::now();
  file->kind = kind_of(opened, call.request.a);
  if (file->kind == FileKind::snapshot && memory_ >= memory_budget) file->kind = FileKind::handle;
  std::optional<std::uint32_t> slot;
  if (file->kind == FileKind::snapshot)
    while (!(slot = slots_.take(handle)) && forget_longest_unused()) {
    }
  if (!slot && file->kind == FileKind::snapshot) file->kind = FileKind::handle;
  if (file->kind != FileKind::snapshot && opened.stream != 0)
    (void)context_.link->take_stream(opened.stream);  // reset
  Answer answer;
  answer.reply.c = file->handle;
  answer.reply.stat = to_stat(file->stat);
  Result<void> made;
  if (file->kind == FileKind::snapshot) {
    made = make_snapshot(*file, *slot, std::move(opened), answer);
  } else if (listing) {
    answer.fd = std::move(listing->memfd);
  } else {
    do made = make_placeholder(*file, answer);
    while (!made && code_of(made.error()) == ENFILE && forget_longest_unused());
  }
  struct stat local {};
  if (!made || ::fstat(answer.fd.get(), &local) != 0) {
    context_.spawn(drop(file->agent_handle));
    return made ? refuse(EIO) : refuse_open(made.error());
  }
  answer.reply.a = static_cast<std::uint64_t>(file->kind);
  file->inode = local.st_ino;
  by_inode_[file->inode] = file->handle;
  files_[file->handle] = file;
  memory_ += file->memory;
  processes_.add_reference(call.pid, file->handle);
  context_.activity->file_opened(file->path);
  return answer;
}

Result<void> Files::make_snapshot(File& file, std::uint32_t slot, protocol::OpenedFile opened,
                                  Answer& answer) {
  const auto again = [this](const auto& result) {
    return !result && code_of(result.error()) == ENFILE && forget_longest_unused();
  };
  auto made = Snapshot::create(context_, slots_, file.handle, slot, std::move(opened));
  while (again(made)) made = Snapshot::create(context_, slots_, file.handle, slot, std::move(opened));
  auto fd = made ? (*made)->program_fd() : Result<UniqueFd>(Failed(made.error()));
  while (made && again(fd)) fd = (*made)->program_fd();
  if (!fd) {
    slots_.free(slot);
    return Failed(fd.error());
  }
  file.snapshot = std::move(*made);
  file.memory = file.stat.size <= whole_limit ? file.stat.size : window_budget;
  answer.fd = std::move(*fd);
  answer.reply.b = slot;
  return {};
}

Result<void> Files::make_placeholder(File& file, Answer& answer) {
  const char* kind = file.kind == FileKind::directory       ? "inpod-d:"
                     : (file.flags & O_ACCMODE) == O_RDONLY ? "inpod-h:"
                                                            : "inpod-w:";
  TRY_ASSIGN(memfd, make_placeholder_memfd(kind + std::to_string(file.handle)));
  file.remote = std::make_shared<RemoteFile>(context_, file.agent_handle, file.flags, file.stat);
  answer.fd = std::move(memfd);
  return {};
}

Task<Answer> Files::ensure(Call call) {
  const auto file = find(call);
  if (!file || !file->snapshot) co_return refuse(EBADF);
  if (call.request.d > static_cast<std::uint64_t>(Keep::a_while)) co_return refuse(EINVAL);
  const auto snapshot = file->snapshot;
  auto size = co_await snapshot->ensure(call.request.b, call.request.c, static_cast<Keep>(call.request.d));
  if (!size) {
    if (!size.error().remedy.empty())
      context_.activity->note("warning", file->path + ": " + size.error().to_string());
    co_return refuse(size.error().remedy.empty() ? code_of(size.error()) : ENOMEM);
  }
  Answer answer;
  answer.reply.a = *size;
  co_return answer;
}

/// Asks the pod how the file is now, unless that is known from the last second.
Task<void> Files::renew(std::shared_ptr<File> file) {
  if (file->renewing || Clock::now() - file->heard < freshness) co_return;
  file->renewing = true;
  protocol::StatFile request;
  request.handle = file->agent_handle;
  auto stat = co_await ask<protocol::FileStat>(context_, std::move(request));
  file->renewing = false;
  if (!stat) co_return;  // what was known stands: a read gives the error, if there is one
  file->heard = Clock::now();
  file->stat = *stat;
  if (file->snapshot) file->snapshot->update(*stat);
}

Task<Answer> Files::refresh(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  co_await renew(file);
  Answer answer;
  answer.reply.a = file->snapshot ? file->snapshot->size() : file->stat.size;
  co_return answer;
}

Task<Answer> Files::read(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  if (file->kind == FileKind::directory) co_return refuse(EISDIR);
  const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(call.request.b, max_data));
  const bool at_position = call.request.d == 1;
  if (file->snapshot && at_position) co_return refuse(EINVAL);
  auto data = file->snapshot ? file->snapshot->read(call.request.c, length)
                             : file->remote->read(length, call.request.c, at_position);
  auto read = co_await std::move(data);
  if (!read) co_return refuse(code_of(read.error()));
  Answer answer;
  answer.data = std::move(*read);
  co_return answer;
}

Task<Answer> Files::write(Call call) {
  const auto file = find(call);
  if (!file || !file->remote) co_return refuse(EBADF);
  if ((file->flags & O_ACCMODE) == O_RDONLY) co_return refuse(EBADF);
  if (file->pipe) co_await file->pipe->settle();
  paths_.forget();
  file->heard = {};
  auto written = co_await file->remote->write(std::move(call.data), call.request.c, call.request.d == 1);
  paths_.forget();
  if (!written) co_return refuse(code_of(written.error()));
  Answer answer;
  answer.reply.a = *written;
  co_return answer;
}

Task<Answer> Files::seek(Call call) {
  const auto file = find(call);
  if (!file || !file->remote) co_return refuse(EBADF);
  auto position = co_await file->remote->seek(static_cast<std::int64_t>(call.request.b),
                                              static_cast<int>(call.request.c));
  if (!position) co_return refuse(code_of(position.error()));
  Answer answer;
  answer.reply.a = *position;
  co_return answer;
}

Task<Answer> Files::truncate(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  if (!file->remote || (file->flags & O_ACCMODE) == O_RDONLY) co_return refuse(EINVAL);
  paths_.forget();
  file->heard = {};
  auto done = co_await file->remote->truncate(call.request.b);
  paths_.forget();
  co_return refuse(done ? 0 : code_of(done.error()));
}

Task<Answer> Files::file_stat(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  co_await renew(file);
  Answer answer;
  answer.reply.stat = to_stat(file->stat);
  answer.reply.a = static_cast<std::uint64_t>(file->kind);
  answer.reply.b = file->remote ? file->remote->flags() : file->flags;
  answer.reply.c = file->handle;
  answer.data.assign(file->real_path.begin(), file->real_path.end());
  co_return answer;
}

Task<Answer> Files::control(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  if (call.request.b > static_cast<std::uint64_t>(protocol::FileControl::range_test))
    co_return refuse(EINVAL);
  if (!context_.may_write()) co_return refuse(EROFS);
  const bool syncs = call.request.b <= static_cast<std::uint64_t>(protocol::FileControl::sync_data);
  if (file->pipe && file->pipe->error() != 0 && syncs) co_return refuse(file->pipe->error());
  protocol::ControlFile request;
  request.handle = file->agent_handle;
  request.control = static_cast<protocol::FileControl>(call.request.b);
  request.number = call.request.c;
  request.start = call.request.d;
  if (call.data.size() == sizeof request.length)
    std::memcpy(&request.length, call.data.data(), sizeof request.length);
  const bool append = request.control == protocol::FileControl::append, on = request.number != 0;
  if (request.control == protocol::FileControl::whole_lock ||
      request.control == protocol::FileControl::range_lock)
    file->locked = true;
  auto done = co_await ask<protocol::Controlled>(context_, std::move(request));
  if (!done) co_return refuse(code_of(done.error()));
  if (append && file->remote) file->remote->set_append(on);
  Answer answer;
  answer.reply.a = done->number, answer.reply.b = done->start, answer.reply.c = done->length;
  co_return answer;
}

Task<Answer> Files::change_attributes(Call call) {
  if (call.request.a > static_cast<std::uint64_t>(protocol::Attribute::times)) co_return refuse(EINVAL);
  if (!context_.may_write()) co_return refuse(EROFS);
  protocol::ChangeAttributes request;
  request.attribute = static_cast<protocol::Attribute>(call.request.a);
  if (request.attribute == protocol::Attribute::mode)
    request.mode = static_cast<std::uint32_t>(call.request.b);
  request.uid = static_cast<std::uint32_t>(call.request.b >> 32);
  request.gid = static_cast<std::uint32_t>(call.request.b);
  request.follow = call.request.d == 1;
  std::int64_t times[2] = {};
  if (call.data.size() == sizeof times) std::memcpy(times, call.data.data(), sizeof times);
  request.accessed_ns = times[0], request.modified_ns = times[1];
  if (call.request.c != 0) {
    const auto at = files_.find(call.request.c);
    if (at == files_.end()) co_return refuse(EBADF);
    request.handle = at->second->agent_handle;
  } else {
    request.path = std::move(call.text);
  }
  paths_.forget();
  auto done = co_await ask<protocol::Done>(context_, std::move(request));
  paths_.forget();
  doubt_all();
  co_return refuse(done ? 0 : code_of(done.error()));
}

Task<Answer> Files::change_path(Call call) {
  auto answer = co_await paths_.change(std::move(call));
  doubt_all();
  co_return answer;
}

void Files::lose() {
  std::string names;
  std::size_t count = 0;
  for (auto& [handle, file] : files_) {
    file->agent_handle = lost_handle;
    file->locked = false;
    if (file->snapshot) file->snapshot->lose();
    if (file->remote) file->remote->lose();
    if (file->kind == FileKind::directory) continue;
    if (count++ < 3) names += (names.empty() ? "" : ", ") + protocol::shown_line(file->path);
  }
  if (count > 3) names += ", …";
  if (count > 0)
    context_.activity->note("warning",
                            "open files of the pod that has gone stay as far as they are here, all else of "
                            "them gives ESTALE (" +
                                names + "): open them again");
}

/// Something was changed by its path: any open file may be the one, by whatever name.
void Files::doubt_all() {
  for (auto& [handle, file] : files_) file->heard = {};
}

void Files::unused(std::uint64_t handle) {
  const auto at = files_.find(handle);
  if (at == files_.end()) return;
  // Not a second later: programs let a lock go by closing its file, and others of them try for it then.
  if (std::exchange(at->second->locked, false)) context_.spawn(unlock(at->second->agent_handle));
  at->second->unused = Clock::now();
  unused_.push_back({handle, at->second->unused});
  if (!std::exchange(sweeping_, true)) context_.spawn(sweep());
}

Task<void> Files::sweep() {
  while (!unused_.empty() && !context_.closed) {
    linger_.expires_at(unused_.front().since + usual_linger);
    co_await linger_.async_wait(as_result);
    while (forget_longest_unused(usual_linger)) {
    }
  }
  sweeping_ = false;
}

/// Closes the file that nobody has held for longest, if that is as long as `age`. False: there is none.
bool Files::forget_longest_unused(std::chrono::milliseconds age) {
  for (auto left = unused_.size(); left > 0 && Clock::now() - unused_.front().since >= age; --left) {
    const auto [handle, since] = unused_.front();
    unused_.pop_front();
    const auto at = files_.find(handle);
    if (at == files_.end() || at->second->unused != since || processes_.is_used(handle)) continue;
    if (is_used_plainly(*at->second)) {
      at->second->unused = Clock::now();
      unused_.push_back({handle, at->second->unused});
      continue;
    }
    remove(handle);
    return true;
  }
  return false;
}

void Files::remove(std::uint64_t handle) {
  const auto at = files_.find(handle);
  if (at == files_.end()) return;
  const auto file = at->second;
  files_.erase(at);
  by_inode_.erase(file->inode);
  if (file->pipe) {
    by_pipe_.erase(file->pipe->inode());
    file->pipe->close();
  }
  memory_ -= file->memory;
  if (file->snapshot) {
    slots_.free(file->snapshot->slot());
    file->snapshot->close();
  }
  if (!context_.closed) context_.spawn(drop(file->agent_handle));
}

Task<void> Files::unlock(std::uint64_t agent_handle) {
  protocol::ControlFile whole, range;
  whole.handle = range.handle = agent_handle;
  whole.control = protocol::FileControl::whole_lock;
  whole.number = LOCK_UN;
  range.control = protocol::FileControl::range_lock;
  range.number = F_UNLCK;
  co_await ask<protocol::Controlled>(context_, std::move(whole));
  co_await ask<protocol::Controlled>(context_, std::move(range));
}

Task<void> Files::drop(std::uint64_t agent_handle) {
  protocol::CloseFile request{agent_handle};
  co_await ask<protocol::Done>(context_, std::move(request));
}

void Files::close() {
  linger_.cancel();
  while (!files_.empty()) remove(files_.begin()->first);
}

}  // namespace inpod::relay
