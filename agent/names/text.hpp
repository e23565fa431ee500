// Words and lines of the configuration files in /etc. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inpod::agent {

/// The words of a line, up to where a comment starts (any character of `comment`, at a word's start or
/// inside).
std::vector<std::string_view> words_of(std::string_view line, std::string_view comment);
/// Takes the next line off `text`; false at the end.
bool next_line(std::string_view& text, std::string_view& line);
/// Equal but for case, ASCII only.
bool same_name(std::string_view a, std::string_view b);

}  // namespace inpod::agent
