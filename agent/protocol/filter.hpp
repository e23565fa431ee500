// What Subscribe::filter may say, besides nothing.
#pragma once

#include <string_view>

namespace inpod::protocol {

/// Steal: also the connections that the target's own container opens, which else stay with it.
constexpr std::string_view filter_with_own = "with-own";

}  // namespace inpod::protocol
