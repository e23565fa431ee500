// Names: the pod's host name and name lookups. Identical lookups under way share one request; an answer
// serves identical questions for up to 5 seconds, failures not at all.
#pragma once

#include <unordered_map>

#include "relay/context.hpp"

namespace inpod::relay {

class Names {
 public:
  explicit Names(Context& context) : context_(context) {}

  Answer host() const;
  Task<Answer> resolve(Call call);
  Task<Answer> resolve_back(Call call);
  /// What is known from before the pod was another one.
  void forget();

 private:
  struct Question;
  Task<void> fetch(std::shared_ptr<Question> question);
  void trim();

  Context& context_;
  std::unordered_map<std::string, std::shared_ptr<Question>> questions_;
};

}  // namespace inpod::relay
