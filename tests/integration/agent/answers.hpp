// How both sides write down what an operation gave, so that the texts can be compared byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/messages.hpp"

namespace inpod::test {

/// Everything but the time of the last access, which the comparison itself changes.
inline std::string text_of(const protocol::FileStat& s) {
  std::string text;
  for (std::uint64_t number :
       {s.device, s.inode, std::uint64_t{s.mode}, std::uint64_t{s.links}, std::uint64_t{s.uid},
        std::uint64_t{s.gid}, s.special_device, s.size, s.block_size, s.blocks})
    text += std::to_string(number) + " ";
  return text + std::to_string(s.modified_ns) + " " + std::to_string(s.changed_ns) + " " +
         std::to_string(s.born_ns);
}

/// Length and FNV-1a hash.
inline std::string text_of_content(std::string_view content) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (unsigned char c : content) hash = (hash ^ c) * 1099511628211ULL;
  return std::to_string(content.size()) + ":" + std::to_string(hash);
}

inline std::string failed(int code) {
  return "errno " + std::to_string(code);
}

}  // namespace inpod::test
