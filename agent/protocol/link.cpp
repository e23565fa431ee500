// Link, the border: everything it does is in LinkCore, which its coroutines keep alive when a Link is
// dropped.
#include "protocol/link.hpp"

#include "protocol/link_core.hpp"

namespace inpod::protocol {

std::shared_ptr<Link> Link::create(boost::asio::any_io_executor executor, LinkOptions options,
                                   Handlers handlers) {
  auto core = std::make_shared<LinkCore>(std::move(executor), options, std::move(handlers));
  return std::shared_ptr<Link>(new Link(std::move(core)));
}

Link::Link(std::shared_ptr<LinkCore> core) : core_(std::move(core)) {}

Link::~Link() {
  core_->drop_handlers();
  core_->close(std::nullopt);
}

Result<void> Link::attach(std::unique_ptr<ByteTransport> transport, std::uint64_t peer_received,
                          std::uint32_t peer_window, std::vector<std::string> peer_features) {
  return core_->attach(std::move(transport), peer_received, peer_window, std::move(peer_features));
}
void Link::drop_transport() {
  core_->drop_transport();
}
std::uint64_t Link::received() const {
  return core_->received();
}
bool Link::has_transport() const {
  return core_->has_transport();
}
bool Link::answers() const {
  return core_->answers();
}
Task<bool> Link::heard_since(std::chrono::steady_clock::time_point moment, std::chrono::milliseconds bound) {
  return LinkCore::heard_since(core_, moment, bound);
}
std::chrono::microseconds Link::round_trip() const {
  return core_->round_trip();
}

Task<Result<Message>> Link::request(Message message) {
  return LinkCore::request(core_, std::move(message));
}
void Link::respond(std::uint32_t id, Message response) {
  core_->respond(id, std::move(response));
}
bool Link::peer_knows(std::string_view feature) const {
  return core_->peer_knows(feature);
}

void Link::notify(Message event) {
  core_->notify(std::move(event));
}

Result<std::unique_ptr<Stream>> Link::open_stream() {
  return core_->open_stream();
}
Result<std::unique_ptr<Stream>> Link::take_stream(std::uint32_t id) {
  return core_->take_stream(id);
}

Task<void> Link::flush_and_close(std::chrono::milliseconds bound) {
  return LinkCore::flush_and_close(core_, bound);
}
void Link::close(std::optional<Error> why) {
  core_->close(std::move(why));
}

}  // namespace inpod::protocol
