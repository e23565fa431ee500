// See layer_frames.hpp.
#include "dap/layer_frames.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace inpod::dap {

std::vector<AddressRange> layer_ranges(int pid, const std::string& layer) {
  std::vector<AddressRange> ranges;
  std::ifstream file("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(file, line);) {
    unsigned long long begin = 0, end = 0;
    if (line.find(layer) != std::string::npos && std::sscanf(line.c_str(), "%llx-%llx", &begin, &end) == 2)
      ranges.push_back({begin, end});
  }
  return ranges;
}

bool is_layer_frame(const nlohmann::json& frame, const std::vector<AddressRange>& layer) {
  const char* key = "instructionPointerReference";
  if (!frame.is_object() || !frame.contains(key) || !frame[key].is_string()) return false;
  const auto address = std::strtoull(frame[key].get_ref<const std::string&>().c_str(), nullptr, 0);
  return std::any_of(layer.begin(), layer.end(), [&](const AddressRange& range) {
    return range.begin <= address && address < range.end;
  });
}

bool mark_layer_frames(nlohmann::json& frames, const std::vector<AddressRange>& layer) {
  bool any = false;
  for (auto& frame : frames) {
    if (!is_layer_frame(frame, layer)) continue;
    frame["presentationHint"] = "subtle";
    any = true;
  }
  return any;
}

}  // namespace inpod::dap
