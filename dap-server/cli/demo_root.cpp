// The pod's root file system: this machine's programs and libraries, read-only, and an /etc, /run and /tmp of
// its own. mount(2), pivot_root(2).
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/demo_pod.hpp"

namespace inpod::cli {
namespace {

namespace fs = std::filesystem;

/// Flags of the mount that a user namespace may not drop when it remounts.
unsigned long kept_flags(const fs::path& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return 0;
  unsigned long flags = 0;
  if ((info.f_flag & ST_NOSUID) != 0) flags |= MS_NOSUID;
  if ((info.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((info.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if ((info.f_flag & ST_NOATIME) != 0) flags |= MS_NOATIME;
  if ((info.f_flag & ST_RELATIME) != 0) flags |= MS_RELATIME;
  return flags;
}

/// Shows `from` at `to`; directories and files. Read-only unless it is a device.
Result<void> show_at(const fs::path& from, const fs::path& to, bool read_only) {
  std::error_code error;
  if (fs::is_directory(from, error)) {
    fs::create_directories(to, error);
  } else {
    fs::create_directories(to.parent_path(), error);
    std::ofstream(to).flush();
  }
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return fail_errno("cannot mount " + from.string() + " into the demo's pod");
  }
  if (!read_only) return {};
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | kept_flags(to);
  if (mount(nullptr, to.c_str(), nullptr, flags, nullptr) != 0 && geteuid() == 0 && errno != EPERM) {
    return fail_errno("cannot make " + to.string() + " read-only");
  }
  return {};
}

/// /usr and, where they are directories of their own and not links into it, /bin, /sbin, /lib*.
Result<void> add_programs(const fs::path& root) {
  for (const char* name : {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const fs::path from = fs::path("/") / name;
    std::error_code error;
    if (fs::is_symlink(from, error)) {
      fs::create_symlink(fs::read_symlink(from, error), root / name, error);
    } else if (fs::is_directory(from, error)) {
      TRY_VOID(show_at(from, root / name, true));
    }
  }
  for (const char* name : {"etc/ld.so.cache", "etc/alternatives", "etc/ssl", "etc/localtime"}) {
    std::error_code error;
    if (fs::exists(fs::path("/") / name, error)) TRY_VOID(show_at(fs::path("/") / name, root / name, true));
  }
  return {};
}

Result<void> add_devices(const fs::path& root) {
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    TRY_VOID(show_at(fs::path("/dev") / name, root / "dev" / name, false));
  }
  return {};
}

struct File {
  const char* path;
  const char* content;
  unsigned mode;
};
constexpr File files[] = {
    {"etc/hostname", "web-0\n", 0644},
    {"etc/hosts",
     "127.0.0.1 localhost\n::1 localhost\n10.77.0.2 web-0 web web.demo.svc.cluster.local\n"
     "10.77.0.1 client client.demo.svc.cluster.local\nfd77::2 web6\n",
     0644},
    {"etc/resolv.conf",
     "nameserver 10.77.0.1\nsearch demo.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 "
     "timeout:1 attempts:1\n",
     0644},
    {"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n", 0644},
    {"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0644},
    {"etc/group", "root:x:0:\n", 0644},
    {"etc/web/config.yaml", "greeting: hello from the pod\ncolor: teal\nlimit: 42\n", 0644},
    {"etc/web/übersicht 世界.txt", "Namen und Pfade in UTF-8\n", 0644},
    {"run/secrets/web/password", "s3cret-of-the-demo\n", 0400},
    {"var/lib/web/visits.txt", "0\n", 0644},
};

Result<void> add_files(const fs::path& root) {
  for (const File& file : files) {
    const fs::path path = root / file.path;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    std::ofstream stream(path);
    stream << file.content;
    if (error || !stream.flush())
      return fail("cannot write /" + std::string(file.path) + " in the demo's pod");
    chmod(path.c_str(), file.mode);
  }
  for (const char* name : {"root", "tmp", "proc", "sys"}) fs::create_directories(root / name);
  chmod((root / "tmp").c_str(), 01777);
  return {};
}

Result<void> add_kernel_views(const fs::path& root) {
  const auto proc = root / "proc";
  // Where the /proc of this machine is partly covered (as in many containers), a new one is refused: show
  // that one.
  if (mount("proc", proc.c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0 &&
      mount("/proc", proc.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return fail_errno("cannot mount /proc in the demo's pod");
  }
  // Nothing in the demo needs it; some machines refuse it.
  mount("sysfs", (root / "sys").c_str(), "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, nullptr);
  return {};
}

}  // namespace

Result<void> enter_demo_root(const std::string& web, const std::string& mount_point) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make mounts private");
  if (mount("tmpfs", mount_point.c_str(), "tmpfs", MS_NOSUID, "size=16m,mode=0755") != 0) {
    return fail_errno("cannot mount the demo's root at " + mount_point);
  }
  const fs::path root = mount_point;
  TRY_VOID(add_programs(root));
  TRY_VOID(add_devices(root));
  TRY_VOID(add_files(root));
  TRY_VOID(show_at(web, root / "app/inpod-demo-web", true));
  TRY_VOID(add_kernel_views(root));
  // The old root goes below the new one's "." and is let go at once (pivot_root(2), NOTES).
  if (chdir(mount_point.c_str()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
      umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    return fail_errno("cannot enter the demo's root");
  }
  return {};
}

}  // namespace inpod::cli
