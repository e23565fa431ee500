// See adapter_port.hpp.
#include "dap/adapter_port.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>

#include "protocol/task.hpp"

namespace inpod::dap {
namespace asio = boost::asio;

AdapterPort::AdapterPort(asio::any_io_executor executor, AdapterCommand command,
                         std::shared_ptr<AdapterProcess> process)
    : executor_(std::move(executor)), command_(std::move(command)), process_(std::move(process)) {}

bool AdapterPort::can(const char* capability) const {
  return capabilities_.is_object() && capabilities_.contains(capability) && capabilities_[capability] == true;
}

void AdapterPort::relay_request(const Message& request, Replacements also) {
  const auto number =
      sequence_.open({std::string(request.part(request.envelope.seq)), request.envelope.name, {}});
  also.emplace_back(*request.envelope.seq, std::to_string(number));
  process_->endpoint().send(splice(request.raw, std::move(also)));
}

void AdapterPort::relay_response(const Message& response, const std::string& origin) {
  process_->endpoint().send(splice(response.raw, {{*response.envelope.seq, std::to_string(sequence_.next())},
                                                  {*response.envelope.request_seq, origin}}));
}

void AdapterPort::relay_unknown(const Message& message) {
  if (message.envelope.seq)
    process_->endpoint().send(
        splice(message.raw, {{*message.envelope.seq, std::to_string(sequence_.next())}}));
  else
    process_->endpoint().send(message.raw);
}

Task<Result<Message>> AdapterPort::ask(std::string command, std::string arguments,
                                       std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  const auto done = std::make_shared<asio::steady_timer>(executor_, timeout);
  const auto answer = std::make_shared<std::optional<Message>>();
  Sequence::Open request;
  request.command = command;
  request.on_response = [done, answer](const Message* response) {
    if (response) *answer = *response;
    done->cancel();
  };
  const auto number = sequence_.open(std::move(request));
  std::string text =
      R"({"seq":)" + std::to_string(number) + R"(,"type":"request","command":)" + to_text(command);
  if (!arguments.empty()) text += R"(,"arguments":)" + arguments;
  process_->endpoint().send(text + "}");
  co_await done->async_wait(as_result);
  if (*answer) co_return std::move(**answer);
  if (process_->ended())
    co_return fail("the debug adapter " + process_->name() + " has ended", "look at its messages above");
  co_return fail("the debug adapter " + process_->name() + " does not answer " + command);
}

}  // namespace inpod::dap
