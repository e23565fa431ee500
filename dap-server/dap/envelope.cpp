// See envelope.hpp.
#include "dap/envelope.hpp"

namespace inpod::dap {
namespace {

std::string string_at(std::string_view raw, const Span& span) {
  const auto value = nlohmann::json::parse(span.of(raw), nullptr, false);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// A seq is a number; anything else under that name is left alone.
std::optional<Span> number_at(std::string_view raw, const Span& span) {
  const std::string_view text = span.of(raw);
  const bool number = !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  return number ? std::optional(span) : std::nullopt;
}

Envelope read(std::string_view raw) {
  Envelope envelope;
  const auto members = members_of(raw);
  if (!members) return envelope;
  std::string type, command, event;
  for (const auto& [key, key_at, value] : *members) {
    if (key == "seq")
      envelope.seq = number_at(raw, value);
    else if (key == "request_seq")
      envelope.request_seq = number_at(raw, value);
    else if (key == "type")
      type = string_at(raw, value);
    else if (key == "command")
      command = string_at(raw, value);
    else if (key == "event")
      event = string_at(raw, value);
    else if (key == "arguments")
      envelope.arguments = value;
    else if (key == "body")
      envelope.body = value;
    else if (key == "success")
      envelope.success = value.of(raw) == "true";
  }
  if (type == "request" && envelope.seq) {
    envelope.kind = Envelope::Kind::request;
    envelope.name = command;
  } else if (type == "response" && envelope.seq && envelope.request_seq) {
    envelope.kind = Envelope::Kind::response;
    envelope.name = command;
  } else if (type == "event" && envelope.seq) {
    envelope.kind = Envelope::Kind::event;
    envelope.name = event;
  }
  return envelope;
}

nlohmann::json parse(std::string_view text) {
  if (text.empty()) return nullptr;
  auto value = nlohmann::json::parse(text, nullptr, false);
  return value.is_discarded() ? nlohmann::json() : value;
}

}  // namespace

Message::Message(std::string text) : raw(std::move(text)), envelope(read(raw)) {}

nlohmann::json Message::arguments() const {
  return parse(part(envelope.arguments));
}
nlohmann::json Message::body() const {
  return parse(part(envelope.body));
}

}  // namespace inpod::dap
