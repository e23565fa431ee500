// Paths: operations on names rather than on open files: stat, access, readlink, realpath, directory lists,
// changes.
//
// What the pod said is believed for at most a second (`freshness`), so that `ls -l`, an interpreter's import
// search or a build tool's stat storm cost a round trip per directory and not per name: a list brings its
// entries' stats, and a name that a fresh list lacks does not exist. Any change that goes through here
// empties the cache.
#pragma once

#include <list>
#include <unordered_map>
#include <unordered_set>

#include "relay/context.hpp"

namespace inpod::relay {

Stat to_stat(const protocol::FileStat& stat);

class Paths {
 public:
  explicit Paths(Context& context) : context_(context) {}

  Task<Answer> stat(Call call);
  Task<Answer> access(Call call);
  Task<Answer> read_link(Call call);
  Task<Answer> real_path(Call call);
  Task<Answer> list(Call call);
  Task<Answer> change(Call call);

  /// The directory's entries as a memfd of linux_dirent64 records (getdents64(2)), all of one length; also
  /// feeds the cache.
  struct Listing {
    UniqueFd memfd;
    std::uint64_t bytes = 0;
    protocol::FileStat stat;
  };
  Task<Result<Listing>> list(std::string path, std::string memfd_name);

  /// The errno that a fresh list or stat gives for opening `path`, or 0.
  int known_missing(const std::string& path);
  void forget();
  void close() { forget(); }

 private:
  struct Known {
    Clock::time_point when;
    int error = 0;
    protocol::FileStat stat;
  };
  struct KnownList {
    Clock::time_point when;
    std::unordered_map<std::string, protocol::FileStat> entries;  // an empty stat: name known, no more
    std::unordered_set<std::string> names;
  };
  std::optional<Known> lookup(const std::string& path, bool follow);
  void remember(const std::string& path, bool follow, int error, const protocol::FileStat& stat);
  void trim();

  Context& context_;
  std::unordered_map<std::string, Known> stats_;      // key: 'f' or 'l' + path
  std::unordered_map<std::string, KnownList> lists_;  // key: path of the directory
  std::size_t listed_ = 0;
  std::uint64_t changes_ = 0;  // answers that were asked for before a change are not remembered
};

}  // namespace inpod::relay
