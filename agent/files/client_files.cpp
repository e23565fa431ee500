// See client_files.hpp.
#include "files/client_files.hpp"

#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "protocol/task.hpp"

namespace inpod::agent {
using protocol::Failure;
using protocol::Message;

namespace {
constexpr std::size_t max_handles = 65536, max_listings = 64;
constexpr auto listing_life = std::chrono::seconds(60);
constexpr std::size_t file_piece = 256 * 1024;

}  // namespace

ClientFiles::ClientFiles(boost::asio::any_io_executor io, WorkerPool& pool, const PodRoot& root,
                         std::weak_ptr<protocol::Link> link)
    : io_(std::move(io)), pool_(pool), root_(root), link_(std::move(link)), group_(pool.make_group()) {}

ClientFiles::~ClientFiles() {
  pool_.cancel(group_);
  // Closing may block (NFS): not here.
  auto leftovers = std::make_shared<std::pair<decltype(handles_), decltype(listings_)>>(std::move(handles_),
                                                                                        std::move(listings_));
  pool_.submit(
      pool_.make_group(), [leftovers] { leftovers->first.clear(), leftovers->second.clear(); }, [](bool) {});
}

std::shared_ptr<OpenHandle> ClientFiles::find(std::uint64_t handle) const {
  auto at = handles_.find(handle);
  return at == handles_.end() ? nullptr : at->second;
}

void ClientFiles::respond(std::uint32_t id, Message answer) {
  if (auto link = link_.lock()) link->respond(id, std::move(answer));
}

/// Runs `work` on a worker and then `finish(result)` on the io thread, if this client still exists.
template <class Work, class Finish>
void ClientFiles::work(std::uint32_t id, Work work, Finish finish) {
  auto result = std::make_shared<std::invoke_result_t<Work>>();
  auto job = [work = std::move(work), result] { *result = work(); };
  pool_.submit(group_, std::move(job),
               [weak = weak_from_this(), id, result, finish = std::move(finish)](bool done) {
                 auto self = weak.lock();
                 if (!self) return;
                 if (done) return finish(*self, std::move(*result));
                 self->respond(id, failure(EAGAIN, "too many file operations at once"));
               });
}

template <class Work>
void ClientFiles::answer_with(std::uint32_t id, Work job) {
  work(id, std::move(job), [id](ClientFiles& self, Message answer) { self.respond(id, std::move(answer)); });
}

void ClientFiles::on_request(std::uint32_t id, protocol::OpenFile request) {
  if (handles_.size() >= max_handles)
    return respond(id, failure(EMFILE, "too many open files of this client"));
  work(
      id, [&root = root_, request = std::move(request)] { return open_file(root, request); },
      [id](ClientFiles& self, OpenResult result) { self.opened(id, std::move(result)); });
}

void ClientFiles::opened(std::uint32_t id, OpenResult result) {
  if (auto* answer = std::get_if<protocol::OpenedFile>(&result.answer)) {
    answer->handle = ++last_number_;
    handles_[answer->handle] = result.handle;
    if (result.remaining)
      answer->stream = start_stream(result.handle, answer->content.size(), result.remaining);
    if (result.remaining && !answer->stream)
      answer->content.clear();  // no stream to be had: all of it by handle
  }
  respond(id, std::move(result.answer));
}

void ClientFiles::on_request(std::uint32_t id, protocol::ReadFile request) {
  auto handle = find(request.handle);
  if (!handle) return respond(id, failure(EBADF, "read"));
  answer_with(id, [handle, request] { return read_file(*handle, request); });
}

void ClientFiles::on_request(std::uint32_t id, protocol::WriteFile request) {
  auto handle = find(request.handle);
  if (!handle) return respond(id, failure(EBADF, "write"));
  answer_with(id, [handle, request = std::move(request)] { return write_file(*handle, request); });
}

void ClientFiles::on_request(std::uint32_t id, protocol::TruncateFile request) {
  auto handle = find(request.handle);
  if (!handle) return respond(id, failure(EBADF, "ftruncate"));
  answer_with(id, [handle, request] { return truncate_file(*handle, request); });
}

void ClientFiles::on_request(std::uint32_t id, protocol::CloseFile request) {
  auto handle = handles_.extract(request.handle);
  if (!handle) return respond(id, failure(EBADF, "close"));
  respond(id, protocol::Done{});
  pool_.submit(
      group_, [closing = std::move(handle.mapped())]() mutable { closing.reset(); }, [](bool) {});
}

void ClientFiles::on_request(std::uint32_t id, protocol::StatFile request) {
  if (!request.handle)
    return answer_with(id,
                       [&root = root_, request = std::move(request)] { return stat_path(root, request); });
  auto handle = find(request.handle);
  if (!handle) return respond(id, failure(EBADF, "fstat"));
  answer_with(id, [handle]() -> Message {
    auto stat = stat_of(handle->fd.get());
    if (!stat) return to_failure(stat.error());
    return *stat;
  });
}

void ClientFiles::on_request(std::uint32_t id, protocol::AccessFile request) {
  answer_with(id, [&root = root_, request = std::move(request)] { return access_path(root, request); });
}
void ClientFiles::on_request(std::uint32_t id, protocol::ReadLink request) {
  answer_with(id, [&root = root_, request = std::move(request)] { return read_link(root, request); });
}
void ClientFiles::on_request(std::uint32_t id, protocol::RealPath request) {
  answer_with(id, [&root = root_, request = std::move(request)] { return real_path(root, request); });
}
void ClientFiles::on_request(std::uint32_t id, protocol::ChangePath request) {
  answer_with(id, [&root = root_, request = std::move(request)] { return change_path(root, request); });
}

void ClientFiles::on_request(std::uint32_t id, protocol::ChangeAttributes request) {
  std::shared_ptr<OpenHandle> handle;
  if (request.handle && !(handle = find(request.handle))) return respond(id, failure(EBADF, "change"));
  answer_with(id, [&root = root_, handle, request = std::move(request)] {
    return handle ? change_attributes(*handle, request) : change_attributes(root, request);
  });
}
void ClientFiles::on_request(std::uint32_t id, protocol::ControlFile request) {
  auto handle = find(request.handle);
  if (!handle) return respond(id, failure(EBADF, "fcntl"));
  answer_with(id, [handle, request] { return control_file(*handle, request); });
}

void ClientFiles::on_request(std::uint32_t id, protocol::ReadDirectory request) {
  auto now = std::chrono::steady_clock::now();
  while (!listings_.empty() && (listings_.begin()->second.until < now || listings_.size() >= max_listings))
    listings_.erase(listings_.begin());
  std::shared_ptr<OpenListing> listing;
  if (request.cursor) {
    auto at = listings_.extract(request.cursor);
    if (!at) return respond(id, failure(EBADF, "the directory's cursor has expired"));
    listing = std::move(at.mapped().listing);
  }
  work(
      id,
      [&root = root_, path = std::move(request.path), listing] {
        return list_directory(root, path, listing);
      },
      [id](ClientFiles& self, ListResult result) { self.listed(id, std::move(result)); });
}

void ClientFiles::listed(std::uint32_t id, ListResult result) {
  if (auto* page = std::get_if<protocol::Directory>(&result.answer); page && result.listing) {
    page->cursor = ++last_number_;
    listings_[page->cursor] = {std::move(result.listing), std::chrono::steady_clock::now() + listing_life};
  }
  respond(id, std::move(result.answer));
}

void ClientFiles::on_request(std::uint32_t id, protocol::StreamFile request) {
  auto handle = find(request.handle);
  if (!handle) return respond(id, failure(EBADF, "read"));
  work(
      id, [handle] { return stat_of(handle->fd.get()); },
      [id, handle, request](ClientFiles& self, Result<protocol::FileStat> stat) {
        if (!stat) return self.respond(id, to_failure(stat.error()));
        protocol::FileStream answer;
        answer.stat = *stat;
        answer.stream = self.start_stream(handle, request.offset, request.length);
        if (answer.stream) return self.respond(id, std::move(answer));
        self.respond(id, failure(EAGAIN, "too many streams"));
      });
}

/// The new stream's id; 0 if the link gives no more.
std::uint32_t ClientFiles::start_stream(std::shared_ptr<OpenHandle> handle, std::uint64_t offset,
                                        std::uint64_t length) {
  auto link = link_.lock();
  if (!link) return 0;
  auto stream = link->open_stream();
  if (!stream) return 0;
  std::uint32_t number = (*stream)->id();
  boost::asio::co_spawn(
      io_, send_file(shared_from_this(), std::move(*stream), std::move(handle), offset, length), rethrow);
  return number;
}

protocol::Task<void> ClientFiles::send_file(std::shared_ptr<ClientFiles> self,
                                            std::unique_ptr<protocol::Stream> stream,
                                            std::shared_ptr<OpenHandle> handle, std::uint64_t offset,
                                            std::uint64_t length) {
  WorkerPool& pool = self->pool_;
  auto group = self->group_;
  self.reset();  // a transfer does not keep the client's files alive
  while (length > 0) {
    auto job = [handle, offset, size = std::min<std::uint64_t>(length, file_piece)] {
      return read_piece(*handle, offset, size);
    };
    auto piece = co_await pool.run(group, std::move(job));
    if (!piece) co_return;  // cancelled; the stream's end is a reset
    if (!*piece) {
      stream->reset((*piece).error().code);
      co_return;
    }
    const protocol::Bytes& bytes = **piece;
    if (bytes.empty()) break;
    auto written = co_await stream->write(bytes);
    if (!written) co_return;
    offset += bytes.size();
    length -= bytes.size();
  }
  stream->finish();
}

}  // namespace inpod::agent
