// What others say, made fit to be shown: on a terminal, in an editor, in a log, in a rule's comment. Pure;
// any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace inpod::protocol {

/// For names in one line of a log or of a rule's comment: the text with a question mark for whatever is not a
/// visible character of ASCII, and for quotes: no line ends, no blanks, no terminal's control sequences.
std::string printable(std::string_view text);

/// Bytes of a text that is shown to people, at most.
constexpr std::size_t longest_shown = 4096;

/// For people: ordinary Unicode stays. Control characters (C0, DEL, C1), line and paragraph separators, marks
/// that change the direction of text or have no width, and bytes that are not UTF-8 are written as escapes
/// (\x1b, \u202e). `](` gets a blank in between, since editors make `[text](command:…)` a link. Lines are
/// kept, but all after the first begin with two blanks at least: none looks as though it began a message.
/// What is longer than `most` bytes ends with "…". Applied twice it is the same as once.
std::string shown(std::string_view text, std::size_t most = longest_shown);

/// The same in one line: its ends are written as \n.
std::string shown_line(std::string_view text, std::size_t most = longest_shown);

}  // namespace inpod::protocol
