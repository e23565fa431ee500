// See text.hpp.
#include "names/text.hpp"

#include <algorithm>

namespace inpod::agent {

std::vector<std::string_view> words_of(std::string_view line, std::string_view comment) {
  constexpr std::string_view blanks = " \t\r\v\f";
  line = line.substr(0, line.find_first_of(comment));
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(blanks, at)) != line.npos;) {
    std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

bool next_line(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  std::size_t end = std::min(text.find('\n'), text.size());
  line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return true;
}

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace inpod::agent
