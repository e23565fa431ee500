// Glob patterns of the rules: `*` within a path segment, `**` across segments, `?`, `[…]`, backslash quotes.
//
// A pattern matches a whole text. `/**` at the end also matches the directory itself, `/**/` also a single
// slash. No recursion and no allocation: linear in the text for each star, quadratic at worst. Safe in signal
// handlers.
#pragma once

#include <string_view>

namespace inpod {

bool glob_match(std::string_view pattern, std::string_view text);

/// Number of leading characters of `pattern` that stand for themselves: what every match starts with. For a
/// pattern that ends in `/**` the slash is not among them, since the directory itself matches.
std::size_t glob_literal_length(std::string_view pattern);

/// False for a bracket that never closes, a backslash at the end, or `***`.
bool glob_valid(std::string_view pattern);

}  // namespace inpod
