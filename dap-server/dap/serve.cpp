// See serve.hpp. The listening socket, the signals, and one Proxy a client.
#include "dap/serve.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <vector>

#include "dap/client_secret.hpp"
#include "dap/listener.hpp"
#include "dap/proxy.hpp"
#include "protocol/printable.hpp"
#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr int own_failure = 125;
constexpr std::size_t max_strangers = 8;  ///< clients that have not shown the secret yet
constexpr int max_refusals_told = 50;
constexpr auto pause_after_wrong_secret = 1s;

int failed(const Error& error) {
  fprintf(stderr, "inpod dap: %s\n", protocol::shown(error.to_string()).c_str());
  return own_failure;
}

/// The conversations that go on, and the signal that ends them all.
struct Server {
  Server(asio::any_io_executor on, ServeOptions with)
      : executor(on),
        options(std::make_shared<const ServeOptions>(std::move(with))),
        signals(on, SIGINT, SIGTERM, SIGHUP),
        listening(on),
        changed(on) {}
  asio::any_io_executor executor;
  std::shared_ptr<const ServeOptions> options;
  asio::signal_set signals;
  asio::posix::stream_descriptor listening;     ///< of the Listener, for waiting alone
  std::optional<ClientSecret> secret;           ///< nothing: clients need none
  asio::steady_timer changed;                   ///< cancelled when a conversation has ended
  std::vector<std::shared_ptr<Proxy>> proxies;  ///< oldest first
  asio::steady_timer::time_point no_client_before;
  int refusals_told = 0;
  bool stopping = false;

  void stop_all() {
    stopping = true;
    boost::system::error_code ignored;
    listening.close(ignored);
    for (const auto& proxy : proxies) proxy->stop();
  }
  /// Ends the oldest conversation without the secret when there are too many. A client that has the secret
  /// shows it long before.
  void make_room() {
    std::vector<std::shared_ptr<Proxy>> strangers;
    for (const auto& proxy : proxies)
      if (proxy->is_stranger()) strangers.push_back(proxy);
    if (strangers.size() >= max_strangers) strangers.front()->stop();
  }
  /// Bounded: a page or program that tries again and again must not fill a log, or a pipe that nobody reads.
  void tell_refusal(const Error& error) {
    if (refusals_told == max_refusals_told) return;
    failed(error);
    if (++refusals_told == max_refusals_told) failed({0, "further refusals are not told", {}});
  }
};

Task<int> converse(std::shared_ptr<Server> server, UniqueFd in, UniqueFd out) {
  auto endpoint = Endpoint::create(server->executor, std::move(in), std::move(out));
  if (!endpoint) co_return failed(endpoint.error());
  const auto proxy =
      std::make_shared<Proxy>(server->executor, server->options, std::move(*endpoint), server->secret);
  server->proxies.push_back(proxy);
  const int code = co_await proxy->run();
  std::erase(server->proxies, proxy);
  if (proxy->refusal()) server->tell_refusal(*proxy->refusal());
  if (proxy->showed_wrong_secret())
    server->no_client_before = asio::steady_timer::clock_type::now() + pause_after_wrong_secret;
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

void tell_where(const Listener& listener, const ServeOptions& options,
                const std::optional<ClientSecret>& secret) {
  std::string text;
  if (secret && options.secret_file.empty()) text = "inpod dap: inpod-secret: " + secret->text() + "\n";
  if (secret && !options.secret_file.empty())
    text = "inpod dap: clients need the secret of " + options.secret_file + "\n";
  fprintf(stderr, "%sinpod dap: listening on %s\n", text.c_str(), listener.address().c_str());
}

Result<std::optional<ClientSecret>> secret_for(const Listener& listener, const std::string& file) {
  if (!listener.needs_secret() && !file.empty())
    return fail("a unix socket needs no secret", "leave --secret-file out");
  if (!listener.needs_secret()) return std::nullopt;
  TRY_ASSIGN(secret, file.empty() ? ClientSecret::create() : ClientSecret::from_file(file));
  return secret;
}

Task<void> take_clients(std::shared_ptr<Server> server, const Listener& listener) {
  asio::steady_timer pause(server->executor);
  while (!server->stopping) {
    const auto [error] =
        co_await server->listening.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error || server->stopping) co_return;
    pause.expires_at(server->no_client_before);
    co_await pause.async_wait(as_result);
    if (server->stopping) co_return;
    auto client = listener.accept();
    if (!client) {
      server->tell_refusal(client.error());
      if (client.error().code == 0) continue;
      pause.expires_after(100ms);  // out of descriptors
      co_await pause.async_wait(as_result);
      continue;
    }
    if (!*client) continue;
    server->make_room();
    UniqueFd in = std::move(**client);
    UniqueFd out(fcntl(in.get(), F_DUPFD_CLOEXEC, 3));
    asio::co_spawn(server->executor, converse(server, std::move(in), std::move(out)),
                   [](const std::exception_ptr& thrown, int) {
                     if (thrown) fprintf(stderr, "inpod dap: a conversation ended by an internal error\n");
                   });
  }
}

Task<int> serve_clients(std::shared_ptr<Server> server) {
  const auto& options = *server->options;
  const auto listener = Listener::create(options.listen, options.allow_remote);
  if (!listener) co_return failed(listener.error());
  const auto secret = secret_for(*listener, options.secret_file);
  if (!secret) co_return failed(secret.error());
  server->secret = *secret;
  UniqueFd waiting(fcntl(listener->fd(), F_DUPFD_CLOEXEC, 3));
  if (!waiting) co_return failed({errno, "cannot wait for clients", {}});
  server->listening.assign(waiting.release());
  tell_where(*listener, options, server->secret);
  co_await take_clients(server, *listener);
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
  int code = 0;
  if (!server->options->listen.empty())
    code = co_await serve_clients(server);
  else
    code = co_await serve_stdio(server);
  server->signals.cancel();
  co_return code;
}

}  // namespace inpod::dap
