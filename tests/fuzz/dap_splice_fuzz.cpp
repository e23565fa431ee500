// Fuzz: finding and replacing numbers in raw DAP messages. Spans lie inside the message, replacing a number
// by itself changes nothing, and a renumbered message is read as the same message.
#include <cstdint>
#include <cstdlib>

#include "dap/envelope.hpp"
#include "dap/launch_request.hpp"

using namespace inpod::dap;

namespace {

void require(bool holds) {
  if (!holds) abort();
}

void check_members(std::string_view text) {
  const auto members = members_of(text);
  if (!members) return;
  std::vector<std::pair<Span, std::string>> same;
  std::size_t last = 0;
  for (const auto& member : *members) {
    require(last <= member.key_at.begin && member.key_at.end < member.value.begin &&
            member.value.end <= text.size());
    last = member.value.end;
    same.emplace_back(member.value, std::string(member.value.of(text)));
  }
  require(splice(text, same) == text);
  const auto object = RawObject::parse(text);
  require(object && members_of(object->text())->size() == members->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Message message(std::string(reinterpret_cast<const char*>(data), size));
  check_members(message.raw);
  if (const auto& seq = message.envelope.seq) {
    const Message renumbered(splice(message.raw, {{*seq, "123456"}}));
    require(renumbered.envelope.kind == message.envelope.kind &&
            renumbered.envelope.name == message.envelope.name);
    require(renumbered.part(renumbered.envelope.seq) == "123456");
    require(splice(renumbered.raw, {{*renumbered.envelope.seq, std::string(message.part(seq))}}) ==
            message.raw);
  }
  if (auto launch = LaunchRequest::read(message)) {
    launch->arguments.prepend("initCommands", {"x"});
    require(members_of(launch->arguments.text()).has_value());
  }
  return 0;
}
