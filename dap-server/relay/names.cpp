// Names: see names.hpp.
#include "relay/names.hpp"

#include <netdb.h>

#include <cstring>

#include "relay/activity.hpp"
#include "relay/address.hpp"

namespace inpod::relay {
namespace {

constexpr std::chrono::seconds remembered{5};
constexpr std::size_t most_questions = 1024;

void append(Bytes& data, const std::string& text) {
  data.insert(data.end(), text.begin(), text.end());
}

void append_text(Bytes& data, const std::string& text) {
  append(data, text);
  data.push_back(0);
}

std::string key_of(const protocol::Resolve& question) {
  std::string key = question.host + '\0' + question.service;
  for (const auto number : {question.family, question.socktype, question.protocol, question.flags})
    key += '\0' + std::to_string(number);
  return key;
}

Answer answer_of(const protocol::Resolved& resolved) {
  Answer answer;
  answer.reply.a = static_cast<std::uint64_t>(static_cast<std::int64_t>(resolved.status));
  answer.reply.b = static_cast<std::uint64_t>(resolved.system_errno);
  answer.reply.c = resolved.addresses.size();
  for (auto& address : resolved.addresses) {
    const Endpoint at = to_endpoint(address.address, AF_UNSPEC);
    ResolvedEntry entry{};
    entry.socktype = address.socktype;
    entry.protocol = address.protocol;
    entry.address_length = at.length;
    entry.address = at.storage;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&entry);
    answer.data.insert(answer.data.end(), bytes, bytes + sizeof(entry));
  }
  append_text(answer.data, resolved.canonical_name);
  for (auto& alias : resolved.aliases) append_text(answer.data, alias);
  return answer;
}

}  // namespace

struct Names::Question {
  explicit Question(const boost::asio::any_io_executor& executor) : answered(executor) {}
  protocol::Resolve request;
  std::string key;
  std::optional<Result<protocol::Resolved>> answer;
  Clock::time_point when;
  Signal answered;
};

Answer Names::host() const {
  Answer answer;
  append(answer.data, context_.pod.hostname + '\0' + context_.pod.domainname);
  return answer;
}

Task<Answer> Names::resolve(Call call) {
  const auto cut = call.text.find('\0');
  protocol::Resolve request;
  request.host = call.text.substr(0, cut);
  if (cut != std::string::npos)
    request.service = call.text.substr(cut + 1, call.text.find('\0', cut + 1) - cut - 1);
  request.family = static_cast<std::int32_t>(call.request.a);
  request.socktype = static_cast<std::int32_t>(call.request.b);
  request.protocol = static_cast<std::int32_t>(call.request.c);
  request.flags = static_cast<std::int32_t>(call.request.d);
  const auto key = key_of(request);
  const auto known = questions_.find(key);
  auto question = known == questions_.end() ? nullptr : known->second;
  if (!question || (question->answer && Clock::now() - question->when >= remembered)) {
    question = std::make_shared<Question>(context_.executor);
    question->request = std::move(request);
    question->key = key;
    questions_[key] = question;
    context_.spawn(
        fetch(question));  // on a lost link it is over, and no longer in the table, when this returns
  }
  while (!question->answer && !context_.closed) co_await question->answered.wait();
  if (!question->answer || !*question->answer) {
    protocol::Resolved failed;
    failed.status = EAI_AGAIN;  // the agent can't be reached: as a name server that can't
    co_return answer_of(failed);
  }
  co_return answer_of(**question->answer);
}

Task<void> Names::fetch(std::shared_ptr<Question> question) {
  protocol::Resolve request = question->request;
  auto resolved = co_await ask<protocol::Resolved>(context_, std::move(request));
  question->answer = std::move(resolved);
  question->when = Clock::now();
  question->answered.notify();
  const auto& answer = *question->answer;
  if (!answer || answer->status != 0) questions_.erase(question->key);
  if (answer) context_.activity->name_resolved(question->request.host, *answer);
  trim();
}

void Names::trim() {
  if (questions_.size() >= most_questions) forget();
}

void Names::forget() {
  std::erase_if(questions_, [](auto& entry) { return entry.second->answer.has_value(); });
}

Task<Answer> Names::resolve_back(Call call) {
  const auto address = from_endpoint(call.request.address, call.request.address_length);
  Answer answer;
  if (!address) {
    answer.reply.a = static_cast<std::uint64_t>(static_cast<std::int64_t>(EAI_FAMILY));
    co_return answer;
  }
  protocol::ResolveBack request{*address, static_cast<std::int32_t>(call.request.a)};
  auto name = co_await ask<protocol::ResolvedName>(context_, std::move(request));
  const std::int64_t status = name ? name->status : EAI_AGAIN;
  answer.reply.a = static_cast<std::uint64_t>(status);
  if (name) append(answer.data, name->host + '\0' + name->service);
  co_return answer;
}

}  // namespace inpod::relay
