// See serve.hpp. The listening socket, the signals, and one Proxy a client.
#include "dap/serve.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <set>

#include "dap/proxy.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr int own_failure = 125;

int failed(const Error& error) {
  fprintf(stderr, "inpod dap: %s\n", protocol::shown(error.to_string()).c_str());
  return own_failure;
}

Result<tcp::endpoint> parse_listen(const std::string& text, bool allow_remote) {
  const auto colon = text.rfind(':');
  const std::string how = "write --listen HOST:PORT, such as 127.0.0.1:4711";
  if (colon == std::string::npos) return fail("--listen " + text + " has no port", how);
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || host == "localhost") host = "127.0.0.1";
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return fail("--listen: " + host + " is not an IP address", how);
  const std::string digits = text.substr(colon + 1);
  if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(digits) > 65535)
    return fail("--listen: \"" + digits + "\" is not a port", how);
  if (!address.is_loopback() && !allow_remote)
    return fail("--listen " + text + " would let other machines run programs here",
                "listen on 127.0.0.1, or add --allow-remote");
  return tcp::endpoint(address, static_cast<unsigned short>(std::stoi(digits)));
}

/// The conversations that go on, and the signal that ends them all.
struct Server {
  Server(asio::any_io_executor on, ServeOptions with)
      : executor(on),
        options(std::make_shared<const ServeOptions>(std::move(with))),
        signals(on, SIGINT, SIGTERM, SIGHUP),
        acceptor(on),
        changed(on) {}
  asio::any_io_executor executor;
  std::shared_ptr<const ServeOptions> options;
  asio::signal_set signals;
  tcp::acceptor acceptor;
  asio::steady_timer changed;  ///< cancelled when a conversation has ended
  std::set<std::shared_ptr<Proxy>> proxies;
  bool stopping = false;

  void stop_all() {
    stopping = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    for (const auto& proxy : proxies) proxy->stop();
  }
};

Task<int> converse(std::shared_ptr<Server> server, UniqueFd in, UniqueFd out) {
  auto endpoint = Endpoint::create(server->executor, std::move(in), std::move(out));
  if (!endpoint) co_return failed(endpoint.error());
  const auto proxy = std::make_shared<Proxy>(server->executor, server->options, std::move(*endpoint));
  server->proxies.insert(proxy);
  const int code = co_await proxy->run();
  server->proxies.erase(proxy);
  server->changed.cancel();
  co_return code;
}

/// stdout belongs to the protocol: what anything else prints there goes to stderr from now on.
Task<int> serve_stdio(std::shared_ptr<Server> server) {
  UniqueFd in(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)), out(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!in || !out || !null)
    co_return failed({errno, "standard input or output is closed", "start it with pipes"});
  dup2(null.get(), STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  co_return co_await converse(server, std::move(in), std::move(out));
}

Task<int> serve_tcp(std::shared_ptr<Server> server) {
  const auto address = parse_listen(server->options->listen, server->options->allow_remote);
  if (!address) co_return failed(address.error());
  try {
    server->acceptor.open(address->protocol());
    server->acceptor.set_option(tcp::acceptor::reuse_address(true));
    server->acceptor.bind(*address);
    server->acceptor.listen();
  } catch (const boost::system::system_error& error) {
    co_return failed({error.code().value(),
                      "cannot listen on " + server->options->listen + ": " + error.code().message(),
                      "take another port, or 0 for any"});
  }
  const auto bound = server->acceptor.local_endpoint();
  const bool six = bound.address().is_v6();
  fprintf(stderr, "inpod dap: listening on %s%s%s:%u\n", six ? "[" : "", bound.address().to_string().c_str(),
          six ? "]" : "", bound.port());
  asio::steady_timer pause(server->executor);
  while (!server->stopping) {
    auto [error, socket] = co_await server->acceptor.async_accept(as_result);
    if (server->stopping) break;
    if (error) {  // out of descriptors, or the client left already
      pause.expires_after(100ms);
      co_await pause.async_wait(as_result);
      continue;
    }
    socket.set_option(tcp::no_delay(true), error);  // only a wish
    UniqueFd in(socket.release());
    fcntl(in.get(), F_SETFD, FD_CLOEXEC);
    UniqueFd out(fcntl(in.get(), F_DUPFD_CLOEXEC, 3));
    asio::co_spawn(server->executor, converse(server, std::move(in), std::move(out)),
                   [](const std::exception_ptr& thrown, int) {
                     if (thrown) fprintf(stderr, "inpod dap: a conversation ended by an internal error\n");
                   });
  }
  while (!server->proxies.empty()) {
    server->changed.expires_after(15s);
    const auto [error] = co_await server->changed.async_wait(as_result);
    if (!error) break;
  }
  co_return 0;
}

}  // namespace

Task<int> serve(asio::any_io_executor executor, ServeOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto server = std::make_shared<Server>(executor, std::move(options));
  server->signals.async_wait([weak = std::weak_ptr(server)](const boost::system::error_code& error, int) {
    if (const auto running = weak.lock(); running && !error) running->stop_all();
  });
  const bool over_tcp = !server->options->listen.empty();
  int code = 0;
  if (over_tcp)
    code = co_await serve_tcp(server);
  else
    code = co_await serve_stdio(server);
  server->signals.cancel();
  co_return code;
}

}  // namespace inpod::dap
