// The loader is asked for real: layers that it takes, and layers that it only warns about.
#include "session/layer_check.hpp"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "session/paths.hpp"

using namespace inpod;
namespace fs = std::filesystem;

namespace {

/// Any shared library: the check does not care what it is.
fs::path some_library() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (const auto at = line.find('/');
        at != std::string::npos && line.find("libstdc++.so") != std::string::npos)
      return fs::canonical(line.substr(at));
  throw std::runtime_error("libstdc++ is not a shared library here");
}

struct Folder {
  fs::path path = fs::temp_directory_path() / ("layer-check-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

Result<void> loads(const std::string& layer, const std::string& program) {
  boost::asio::io_context context;
  Result<void> outcome = fail("not run");
  auto task = [&]() -> protocol::Task<void> { outcome = co_await check_layer_loads(layer, program); };
  boost::asio::co_spawn(context, task(), boost::asio::detached);
  context.run();
  return outcome;
}

}  // namespace

TEST_CASE("a layer that the loader takes") {
  const Folder folder;
  const auto layer = folder.path / "libinpod.so";
  fs::copy_file(some_library(), layer);
  CHECK(loads(layer, fs::canonical("/bin/cat")));
}

TEST_CASE("a layer that is no library stops the launch, with the loader's words") {
  const Folder folder;
  const auto layer = folder.path / "libinpod.so";
  std::ofstream(layer) << "this is no shared object\n";
  const auto checked = loads(layer, fs::canonical("/bin/cat"));
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().text, Catch::Contains(layer.string()) && Catch::Contains("cannot be preloaded"));
  CHECK_THAT(checked.error().remedy, Catch::Contains("inpod check"));
  CHECK_FALSE(loads(folder.path / "missing.so", fs::canonical("/bin/cat")));
}

TEST_CASE("a layer whose path LD_PRELOAD can't carry is named before anything starts") {
  const Folder folder;
  const auto apart = folder.path / "my tools";
  fs::create_directories(apart);
  for (const auto& layer : {apart / "libinpod.so", folder.path / "libinpod.so"})
    std::ofstream(layer) << "any\n";
  setenv("INPOD_LAYER", (apart / "libinpod.so").c_str(), 1);
  const auto refused = find_layer();
  setenv("INPOD_LAYER", (folder.path / "libinpod.so").c_str(), 1);
  const auto taken = find_layer();
  unsetenv("INPOD_LAYER");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().text, Catch::Contains("my tools/libinpod.so") && Catch::Contains("space"));
  CHECK(taken);
}

TEST_CASE("nothing of the program runs") {
  const Folder folder;
  const auto layer = folder.path / "libinpod.so";
  std::ofstream(layer) << "this is no shared object\n";
  const auto program = folder.path / "program";
  fs::copy_file("/bin/mkdir", program);  // without operands it would complain with code 1
  const auto checked = loads(layer, program);
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().text, !Catch::Contains("missing operand"));
}

TEST_CASE(
    "a process without the layer is known once libc is there; one that runs something else or is gone is not "
    "judged") {
  const std::string own = fs::read_symlink("/proc/self/exe");
  const auto loaded = check_layer_in(getpid(), own, some_library());
  REQUIRE(loaded);
  CHECK(*loaded == LayerSeen::loaded);
  const auto missing = check_layer_in(getpid(), own, "/no/libinpod.so");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text.find("did not load the layer, /no/libinpod.so") != std::string::npos);
  const auto other = check_layer_in(getpid(), "/bin/cat", "/no/libinpod.so");
  REQUIRE(other);
  CHECK(*other == LayerSeen::other_program);
  CHECK(check_layer_in(0, own, "/no/libinpod.so"));
}
