// curl tells which sockets it waits for and until when; the reactor waits, and calls back. Sockets stay
// curl's.
#include "kube/curl_loop.hpp"

#include <boost/asio/as_tuple.hpp>
#include <string>

#include "protocol/task.hpp"

namespace inpod::kube {

namespace asio = boost::asio;

/// A socket of curl's that the reactor looks at. The descriptor doesn't own it: released, never closed.
struct CurlLoop::Watched {
  Watched(const asio::any_io_executor& executor, curl_socket_t number)
      : descriptor(executor), socket(number) {}
  asio::posix::stream_descriptor descriptor;
  curl_socket_t socket;
  int wanted = 0;  // CURL_POLL_IN | CURL_POLL_OUT
  int armed = 0;
  ~Watched() {
    if (descriptor.is_open()) descriptor.release();
  }
};

std::shared_ptr<CurlLoop> CurlLoop::create(asio::any_io_executor executor) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
  return std::shared_ptr<CurlLoop>(new CurlLoop(std::move(executor)));
}

CurlLoop::CurlLoop(asio::any_io_executor executor)
    : executor_(executor), multi_(curl_multi_init()), timer_(executor) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

CurlLoop::~CurlLoop() {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
  sockets_.clear();
  curl_multi_cleanup(multi_);
}

int CurlLoop::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& loop = *static_cast<CurlLoop*>(self);
  auto& watched = loop.sockets_[socket];
  if (what == CURL_POLL_REMOVE) {
    if (watched && watched->descriptor.is_open()) watched->descriptor.release();
    loop.sockets_.erase(socket);
    return 0;
  }
  if (!watched) {
    watched = std::make_shared<Watched>(loop.executor_, socket);
    boost::system::error_code error;
    watched->descriptor.assign(socket, error);
    if (error) return -1;
  }
  watched->wanted = what;
  for (const int direction : {CURL_POLL_IN, CURL_POLL_OUT}) {
    if (what & direction) loop.arm(watched, direction);
  }
  return 0;
}

void CurlLoop::arm(const std::shared_ptr<Watched>& watched, int direction) {
  if (watched->armed & direction) return;
  watched->armed |= direction;
  const auto wait = direction == CURL_POLL_IN ? asio::posix::stream_descriptor::wait_read
                                              : asio::posix::stream_descriptor::wait_write;
  watched->descriptor.async_wait(
      wait, [weak = weak_from_this(), watched, direction](const boost::system::error_code& error) {
        watched->armed &= ~direction;
        const auto self = weak.lock();
        if (error || !self || !watched->descriptor.is_open() || !(watched->wanted & direction)) return;
        self->act(watched->socket, direction == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
        if (watched->descriptor.is_open() && (watched->wanted & direction)) self->arm(watched, direction);
      });
}

int CurlLoop::on_timer(CURLM*, long milliseconds, void* self) {
  auto& loop = *static_cast<CurlLoop*>(self);
  if (milliseconds < 0) {
    loop.timer_.cancel();
    return 0;
  }
  loop.timer_.expires_after(std::chrono::milliseconds(milliseconds));
  loop.timer_.async_wait([weak = loop.weak_from_this()](const boost::system::error_code& error) {
    const auto alive = weak.lock();
    if (!error && alive) alive->act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void CurlLoop::act(curl_socket_t socket, int what) {
  int running = 0, left = 0;
  curl_multi_socket_action(multi_, socket, what, &running);
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CurlTransfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->ended_ = true;
    transfer->code_ = message->data.result;
    transfer->notify();
  }
}

CurlTransfer::CurlTransfer(std::shared_ptr<CurlLoop> loop)
    : loop_(std::move(loop)),
      easy_(curl_easy_init()),
      changed_(loop_->executor(), asio::steady_timer::time_point::max()) {
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
}

CurlTransfer::~CurlTransfer() {
  if (started_) curl_multi_remove_handle(loop_->multi_, easy_);
  curl_easy_cleanup(easy_);
}

void CurlTransfer::start() {
  started_ = true;
  curl_multi_add_handle(loop_->multi_, easy_);
}

std::string CurlTransfer::error_text() const {
  return error_[0] ? error_ : curl_easy_strerror(code_);
}

asio::awaitable<bool> CurlTransfer::wait(std::chrono::milliseconds bound) {
  if (ended_) co_return true;
  changed_.expires_after(bound);
  const auto [error] = co_await changed_.async_wait(as_result);
  co_return static_cast<bool>(error);
}

}  // namespace inpod::kube
