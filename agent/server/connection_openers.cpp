// See connection_openers.hpp.
#include "server/connection_openers.hpp"

#include <boost/asio/co_spawn.hpp>

namespace inpod::agent {

using protocol::Task;

Task<bool> ConnectionOpeners::is_targets(TcpEnds ends) {
  auto question = std::make_shared<Question>();
  question->ends = std::move(ends);
  questions_.push_back(question);
  if (!std::exchange(looking_, true)) boost::asio::co_spawn(io_, answer_all(), rethrow);
  bool go_on = true;
  while (!question->answered && go_on) go_on = co_await answered_.wait();
  co_return question->yes;
}

Task<void> ConnectionOpeners::answer_all() {
  while (!questions_.empty()) {
    const auto questions = std::exchange(questions_, {});
    std::vector<TcpEnds> ends;
    for (const auto& question : questions) ends.push_back(question->ends);
    auto look = [look = look_, ends = std::move(ends)] { return look(ends); };
    const auto answers = co_await workers_.run(workers_.make_group(), std::move(look));
    for (std::size_t i = 0; i < questions.size(); ++i) {
      questions[i]->yes = answers && i < answers->size() && (*answers)[i] != 0;
      questions[i]->answered = true;
    }
    answered_.notify();
  }
  looking_ = false;
}

}  // namespace inpod::agent
