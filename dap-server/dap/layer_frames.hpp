// The layer's frames in a stack: while a call of the program blocks (accept, read), they stand on top of its
// own. Clients show them dimmed, and a step from there is to end in the program.
//
// Plain data; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace inpod::dap {

/// Addresses of a process, the end not included.
struct AddressRange {
  std::uint64_t begin = 0, end = 0;
};

/// Where the layer is mapped in a process (proc(5), maps); empty where it is not, or the process has ended.
std::vector<AddressRange> layer_ranges(int pid, const std::string& layer);

/// Whether a frame of a stackTrace response stands in the layer, by its instructionPointerReference.
bool is_layer_frame(const nlohmann::json& frame, const std::vector<AddressRange>& layer);

/// Marks the layer's among `frames` as "subtle". Returns whether there are any.
bool mark_layer_frames(nlohmann::json& frames, const std::vector<AddressRange>& layer);

}  // namespace inpod::dap
