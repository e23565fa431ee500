// See dns_client.hpp. c-ares gets every option, so that it reads no file of the agent's own; and only its
// questions are used: its getaddrinfo would bring the name service switch into a static program.
#include "names/dns_client.hpp"

#include <sys/time.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

namespace inpod::agent {
using descriptor = boost::asio::posix::stream_descriptor;
using protocol::Task;

struct DnsClient::Watch {
  boost::asio::posix::stream_descriptor socket;
  bool read = false, write = false;                  // what c-ares wants
  bool waiting_read = false, waiting_write = false;  // what is being waited for
};

/// One call of ask().
struct DnsClient::Question {
  std::vector<DnsType> types;
  std::vector<DnsAnswer> answers;
  std::size_t open = 0;
  std::function<void()> on_answered;
};

namespace {

constexpr int class_internet = 1;

DnsAnswer answer_of(int ares_status, std::span<const std::uint8_t> reply, DnsType type) {
  if (ares_status == ARES_SUCCESS) return parse_dns_reply(reply, type);
  DnsAnswer answer;
  if (ares_status == ARES_ENODATA) answer.status = DnsAnswer::Status::no_data;
  if (ares_status == ARES_ENOTFOUND || ares_status == ARES_EBADNAME)
    answer.status = DnsAnswer::Status::no_name;
  return answer;
}

}  // namespace

DnsClient::DnsClient(boost::asio::any_io_executor io) : io_(io), timer_(std::move(io)) {}

Result<std::shared_ptr<DnsClient>> DnsClient::create(boost::asio::any_io_executor io,
                                                     const ResolvConf& configuration) {
  std::shared_ptr<DnsClient> client(new DnsClient(std::move(io)));
  TRY_VOID(client->open(configuration));
  return client;
}

DnsClient::~DnsClient() {
  if (channel_) ares_destroy(channel_);
}

Result<void> DnsClient::open(const ResolvConf& configuration) {
  ares_options options{};
  char lookups[] = "b";
  in_addr placeholder{};  // the servers, IPv6 ones too, come below
  options.flags = configuration.use_tcp ? ARES_FLAG_USEVC : 0;
  options.timeout = static_cast<int>(configuration.timeout.count() * 1000);
  options.tries = configuration.attempts;
  options.ndots = configuration.dots;
  options.servers = &placeholder;
  options.nservers = 1;
  options.lookups = lookups;
  options.sock_state_cb = [](void* self, ares_socket_t socket, int read, int write) {
    static_cast<DnsClient*>(self)->on_socket(socket, read != 0, write != 0);
  };
  options.sock_state_cb_data = this;
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
             ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
             (configuration.rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE);
  if (int status = ares_init_options(&channel_, &options, mask); status != ARES_SUCCESS)
    return fail(std::string("name resolution: ") + ares_strerror(status));
  std::vector<ares_addr_port_node> servers(configuration.servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto& from = configuration.servers[i];
    bool four = from.family == protocol::AddressFamily::ipv4;
    servers[i].family = four ? AF_INET : AF_INET6;
    memcpy(&servers[i].addr, from.ip.data(), four ? 4 : 16);
    servers[i].udp_port = servers[i].tcp_port = from.port;
    servers[i].next = i + 1 < servers.size() ? &servers[i + 1] : nullptr;
  }
  if (int status = ares_set_servers_ports(channel_, servers.data()); status != ARES_SUCCESS)
    return fail(std::string("name servers: ") + ares_strerror(status));
  return {};
}

void DnsClient::on_socket(ares_socket_t socket, bool read, bool write) {
  auto known = watches_.find(socket);
  if (!read && !write) {  // c-ares is about to close it
    if (known == watches_.end()) return;
    (void)known->second->socket.release();
    watches_.erase(known);
    return;
  }
  if (known == watches_.end()) {
    std::shared_ptr<Watch> fresh(new Watch{descriptor(io_)});
    boost::system::error_code failure;
    fresh->socket.assign(socket, failure);
    if (failure) return;  // it is then only looked at by the timer
    known = watches_.emplace(socket, std::move(fresh)).first;
  }
  known->second->read = read;
  known->second->write = write;
  arm(socket, known->second);
}

void DnsClient::arm(ares_socket_t socket, const std::shared_ptr<Watch>& watch) {
  auto wait = [&](descriptor::wait_type what, bool Watch::*waiting) {
    if (std::exchange(watch.get()->*waiting, true)) return;
    watch->socket.async_wait(what, [this, weak = weak_from_this(), watch, waiting, socket,
                                    what](const boost::system::error_code& failure) {
      watch.get()->*waiting = false;
      auto self = weak.lock();
      if (failure || !self || !watch->socket.is_open()) return;
      bool read = what == descriptor::wait_read;
      process(read ? socket : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : socket);
      if (watch->socket.is_open()) arm(socket, watch);
    });
  };
  if (watch->read) wait(descriptor::wait_read, &Watch::waiting_read);
  if (watch->write) wait(descriptor::wait_write, &Watch::waiting_write);
}

void DnsClient::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  set_timer();
}

void DnsClient::set_timer() {
  timeval storage{};
  timeval* next = ares_timeout(channel_, nullptr, &storage);
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec + 1000));
  timer_.async_wait([this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
    auto self = weak.lock();
    if (!cancelled && self) process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

Task<std::vector<DnsAnswer>> DnsClient::ask(std::string name, std::vector<DnsType> types) {
  auto question = std::make_shared<Question>();
  question->types = std::move(types);
  question->answers.resize(question->types.size());
  question->open = question->types.size();
  auto self = shared_from_this();
  struct Asked {
    std::shared_ptr<DnsClient> client;  // lives until its answer has come
    std::shared_ptr<Question> question;
    std::size_t index;
  };
  auto start = [self, question, name = std::move(name)](auto handler) {
    auto shared_handler = std::make_shared<decltype(handler)>(std::move(handler));
    // Posted: an answer may come from inside ares_query, and the client must not go away inside c-ares.
    question->on_answered = [self, shared_handler] {
      boost::asio::post(self->io_, [self, shared_handler] { std::move (*shared_handler)(); });
    };
    auto count = question->types.size();
    for (std::size_t i = 0; i < count; ++i) {
      auto callback = [](void* context, int status, int, unsigned char* data, int length) {
        std::unique_ptr<Asked> asked(static_cast<Asked*>(context));
        Question& of = *asked->question;
        of.answers[asked->index] =
            answer_of(status, {data, static_cast<std::size_t>(length)}, of.types[asked->index]);
        if (--of.open == 0) std::exchange(of.on_answered, nullptr)();
      };
      ares_query(self->channel_, name.c_str(), class_internet, static_cast<int>(question->types[i]), callback,
                 new Asked{self, question, i});
    }
    self->set_timer();
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      std::move(start), boost::asio::use_awaitable);
  co_return std::move(question->answers);
}

}  // namespace inpod::agent
