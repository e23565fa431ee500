// A tiny HTTP server on loopback for answers that a real API server can't be made to give: each request gets
// what a function says, then the connection is closed. An empty answer leaves the client waiting. With TLS on
// demand.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "tls_identity.hpp"

namespace inpod::kube::test {

class CannedServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;
  explicit CannedServer(Answer answer, std::unique_ptr<TlsIdentity> tls = nullptr)
      : answer_(std::move(answer)), tls_(std::move(tls)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET, address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = std::string(tls_ ? "https" : "http") + "://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~CannedServer() {
    stop_ = true;
    thread_.join();
    for (const int fd : waiting_) close(fd);
    close(listener_);
  }
  const std::string& url() const { return url_; }
  /// PEM, of a server with TLS.
  std::string certificate() const { return tls_->certificate(); }
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

  static std::string reply(int status, const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nConnection: close\r\n" + more +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void serve() {
    while (!stop_) {
      pollfd wait{listener_, POLLIN, 0};
      if (poll(&wait, 1, 20) > 0) handle(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    }
  }
  void handle(int fd) {
    const TlsConnection tls(tls_.get(), fd);
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const auto got = tls.read(buffer, sizeof buffer);
      if (got <= 0) break;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    // The body, too: a close with some of it unread would reset the connection.
    const auto body = request.find("\r\n\r\n") + 4, header = request.find("Content-Length: ");
    const auto length = header < body ? std::stoul(request.substr(header + 16)) : 0;
    while (request.size() < body + length) {
      const auto got = tls.read(buffer, sizeof buffer);
      if (got <= 0) break;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const auto text = answer_(request);
    if (text.empty()) {
      waiting_.push_back(fd);
      return;
    }
    for (std::size_t done = 0; done < text.size();) {
      const auto sent = tls.write(text.data() + done, text.size() - done);
      if (sent <= 0) break;
      done += static_cast<std::size_t>(sent);
    }
    shutdown(fd, SHUT_WR);
    close(fd);
  }

  Answer answer_;
  std::unique_ptr<TlsIdentity> tls_;
  int listener_ = -1;
  std::string url_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> waiting_;
  std::thread thread_;
};

}  // namespace inpod::kube::test
