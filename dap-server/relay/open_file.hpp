// An open file as files.cpp and plain_files.cpp keep it.
#pragma once

#include "relay/files.hpp"

namespace inpod::relay {

struct Files::File {
  std::uint64_t handle = 0, agent_handle = 0, inode = 0, memory = 0;
  std::uint32_t flags = 0;
  FileKind kind = FileKind::handle;
  std::string path, real_path;
  protocol::FileStat stat;
  Clock::time_point heard;   // when `stat` came
  Clock::time_point unused;  // since when nobody has held it
  bool renewing = false;
  bool locked = false;  // perhaps: it has been, by flock or fcntl
  std::shared_ptr<Snapshot> snapshot;
  std::shared_ptr<RemoteFile> remote;
  std::shared_ptr<WritePipe> pipe;
  std::size_t feeds = 0;  // that run
};

}  // namespace inpod::relay
