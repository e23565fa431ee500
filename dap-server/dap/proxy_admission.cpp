// What a client must do before anything is done for it: show the secret, where one is needed, and initialize
// first. Until then no adapter is started and nothing is launched. See proxy.hpp.
#include "dap/proxy.hpp"

namespace inpod::dap {
namespace {

constexpr const char* how_to_show =
    "put it into the launch configuration as \"inpodSecret\", or send the line \"inpod-secret: …\" first; "
    "`inpod dap --listen` prints it at its start, or tells its file";

bool ends_conversation(const std::string& command) {
  return command == "disconnect" || command == "terminate" || command == "cancel";
}

}  // namespace

void Proxy::begin_admission() {
  if (!secret_) return;
  client_->expect_secret();
  admission_limit_.expires_after(options_->secret_timeout);
  admission_limit_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || !self->is_stranger()) return;
    self->refusal_ = Error{0, "a client was refused: it did not show the secret in time", how_to_show};
    self->stop();
  });
}

/// Whether `message` is to be acted on. If not, it has been answered here. A secret in it is taken out, also
/// where none is needed: it must not reach the adapter.
bool Proxy::admit(Message& message) {
  const auto shown = take_secret(message);
  if (secret_ && !admit_stranger(message, shown ? shown : client_->secret())) return false;
  const auto& envelope = message.envelope;
  if (initialized_ || envelope.kind != Envelope::Kind::request || envelope.name == "initialize" ||
      ends_conversation(envelope.name))
    return true;
  respond_error(message, Error{0, "\"" + envelope.name + "\" came before initialize, and nothing was done",
                               "send initialize first"});
  return false;
}

bool Proxy::admit_stranger(const Message& message, const std::optional<std::string>& shown) {
  if (shown && secret_->matches(*shown)) {
    secret_.reset();
    admission_limit_.cancel();
    client_->trust();
    return true;
  }
  showed_wrong_secret_ = shown.has_value();
  if (!shown && message.envelope.is(Envelope::Kind::request, "initialize") && !initialized_) {
    // The launch request may still show it. The adapter's capabilities follow as an event.
    note_initialize(message);
    respond(message, true, {}, {{"supportsConfigurationDoneRequest", true}});
    return false;
  }
  turn_away(message, Error{0, shown ? "the secret is wrong" : "the secret is missing", how_to_show});
  return false;
}

void Proxy::turn_away(const Message& message, const Error& error) {
  refusal_ = error.context("a client was refused");
  const auto& envelope = message.envelope;
  if (envelope.is(Envelope::Kind::request, "disconnect"))
    respond(message, true);
  else if (envelope.kind == Envelope::Kind::request)
    respond_error(message, error);
  leave();
}

}  // namespace inpod::dap
