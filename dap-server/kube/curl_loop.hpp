// CurlLoop: libcurl's multi interface on an Asio executor (curl_multi_socket_action(3)), so that requests of
// one client share connections and none blocks. Only for the files of kube/ that include curl.
//
// One executor. A transfer that is dropped (its coroutine cancelled) is taken out of the loop by
// ~CurlTransfer.
#pragma once

#include <curl/curl.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>

namespace inpod::kube {

class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  static std::shared_ptr<CurlLoop> create(boost::asio::any_io_executor executor);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  boost::asio::any_io_executor executor() const { return executor_; }

 private:
  friend class CurlTransfer;
  struct Watched;
  explicit CurlLoop(boost::asio::any_io_executor executor);
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long milliseconds, void* self);
  void arm(const std::shared_ptr<Watched>& watched, int direction);
  void act(curl_socket_t socket, int what);

  boost::asio::any_io_executor executor_;
  CURLM* multi_;
  boost::asio::steady_timer timer_;
  std::map<curl_socket_t, std::shared_ptr<Watched>> sockets_;
};

/// One easy handle in the loop, from start() to its end or destruction.
class CurlTransfer {
 public:
  explicit CurlTransfer(std::shared_ptr<CurlLoop> loop);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;

  CURL* easy() const { return easy_; }
  void start();
  bool ended() const { return ended_; }
  CURLcode code() const { return code_; }
  /// What went wrong, by curl; for code() != CURLE_OK.
  std::string error_text() const;
  /// Waits until it ends, or notify() is called, or the time is over (false).
  boost::asio::awaitable<bool> wait(std::chrono::milliseconds bound);
  /// Wakes wait(): callbacks of curl call it when data came.
  void notify() { changed_.cancel(); }

 private:
  friend class CurlLoop;
  std::shared_ptr<CurlLoop> loop_;
  CURL* easy_;
  boost::asio::steady_timer changed_;
  bool started_ = false, ended_ = false;
  CURLcode code_ = CURLE_OK;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace inpod::kube
