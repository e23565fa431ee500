// The rules text: see rules.hpp. Order matters: the first match wins.
#include "relay/rules.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string_view>

namespace inpod::relay {
namespace {

// The developer's own cloud credentials lie in a home that stays local; a program in the pod doesn't have
// them.
constexpr std::array absent_in_home = {".aws", ".azure", ".config/gcloud", ".kube"};

// How the pod is named and finds others; the same wherever they lie among local paths.
constexpr std::array remote_files = {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/host.conf",
                                     "/etc/gai.conf"};

// The pod's network as the kernel shows it in files: Java finds its IPv6 addresses there.
constexpr std::array network_trees = {"/proc/net", "/proc/self/net", "/proc/thread-self/net",
                                      "/sys/class/net", "/sys/devices/virtual/net"};
// The agent is no process of the pod's own, so that /proc/self leads nowhere there.
constexpr const char* network_of_the_pod = "/proc/1/net";

// Trees of this machine: the kernel's views, scratch space, and everything that programs, libraries and tools
// come from.
constexpr std::array local_trees = {"/dev",  "/proc", "/sys",   "/tmp",   "/var/tmp",        "/run/user",
                                    "/usr",  "/lib",  "/lib32", "/lib64", "/libx32",         "/bin",
                                    "/sbin", "/nix",  "/snap",  "/gnu",   "/home/linuxbrew", "/rofs"};

// Configuration that belongs to the local libc, loader, interpreters, libraries, shells and desktop rather
// than to the pod: it names modules, plug-ins and programs of their own installation, in its own version.
constexpr std::array local_configuration = {"/etc/ld.so.*",
                                            "/etc/ld.so.conf.d/**",
                                            "/etc/ld-musl-*",
                                            "/etc/ld-musl-*/**",
                                            "/etc/nsswitch.conf",
                                            "/etc/passwd",
                                            "/etc/group",
                                            "/etc/shadow",
                                            "/etc/gshadow",
                                            "/etc/shells",
                                            "/etc/login.defs",
                                            "/etc/pam.conf",
                                            "/etc/pam.d/**",
                                            "/etc/security/**",
                                            "/etc/selinux/**",
                                            "/etc/services",
                                            "/etc/protocols",
                                            "/etc/rpc",
                                            "/etc/networks",
                                            "/etc/netconfig",
                                            "/etc/localtime",
                                            "/etc/locale.*",
                                            "/etc/default/locale",
                                            "/etc/alternatives/**",
                                            "/etc/terminfo/**",
                                            "/etc/inputrc",
                                            "/etc/ssl/openssl.cnf",
                                            "/etc/pki/tls/openssl.cnf",
                                            "/etc/crypto-policies/**",
                                            "/etc/gnutls/**",
                                            "/etc/pkcs11/**",
                                            "/etc/gss/mech.d/**",
                                            "/etc/odbcinst.ini",
                                            "/etc/unixODBC/odbcinst.ini",
                                            "/etc/gcrypt/**",
                                            "/etc/xattr.conf",
                                            "/etc/libaudit.conf",
                                            "/etc/java/**",
                                            "/etc/java-*/**",
                                            "/etc/maven/**",
                                            "/etc/python*/**",
                                            "/etc/pypy*/**",
                                            "/etc/ipython/**",
                                            "/etc/jupyter/**",
                                            "/etc/matplotlibrc",
                                            "/etc/pip.conf",
                                            "/etc/perl/**",
                                            "/etc/php*",
                                            "/etc/php*/**",
                                            "/var/lib/php/modules/**",
                                            "/etc/ruby*/**",
                                            "/etc/gemrc",
                                            "/etc/irbrc",
                                            "/var/lib/gems/**",
                                            "/etc/npmrc",
                                            "/etc/R/**",
                                            "/etc/julia/**",
                                            "/etc/octave*",
                                            "/etc/luarocks/**",
                                            "/etc/fpc*",
                                            "/etc/gnucobol/**",
                                            "/var/lib/ghc/**",
                                            "/etc/mono/**",
                                            "/etc/dotnet/**",
                                            "/etc/bash.bashrc",
                                            "/etc/bashrc",
                                            "/etc/bash_completion*",
                                            "/etc/bash_completion.d/**",
                                            "/etc/profile",
                                            "/etc/profile.d/**",
                                            "/etc/zsh/**",
                                            "/etc/zshenv",
                                            "/etc/zshrc",
                                            "/etc/zprofile",
                                            "/etc/fish/**",
                                            "/etc/gitconfig",
                                            "/etc/vim/**",
                                            "/etc/vimrc",
                                            "/etc/nanorc",
                                            "/etc/screenrc",
                                            "/etc/tmux.conf",
                                            "/etc/mercurial/**",
                                            "/etc/subversion/**",
                                            "/etc/ccache.conf",
                                            "/etc/clang/**",
                                            "/etc/manpath.config",
                                            "/etc/man_db.conf",
                                            "/etc/groff/**",
                                            "/var/cache/man/**",
                                            "/etc/texmf/**",
                                            "/var/lib/texmf/**",
                                            "/etc/papersize",
                                            "/etc/gdb/**",
                                            "/etc/gdbinit",
                                            "/etc/gdbinit.d/**",
                                            "/etc/lldb/**",
                                            "/etc/debuginfod/**",
                                            "/etc/fonts/**",
                                            "/var/cache/fontconfig/**",
                                            "/etc/pango/**",
                                            "/etc/dictionaries-common/**",
                                            "/var/lib/dictionaries-common/**",
                                            "/etc/enchant/**",
                                            "/var/lib/aspell/**",
                                            "/etc/X11/**",
                                            "/etc/xdg/**",
                                            "/etc/gtk-*/**",
                                            "/etc/dconf/**",
                                            "/etc/pulse/**",
                                            "/etc/alsa/**",
                                            "/etc/asound.conf",
                                            "/etc/ImageMagick-*/**",
                                            "/etc/ghostscript/**",
                                            "/etc/xml/**",
                                            "/etc/sgml/**",
                                            "/etc/vulkan/**",
                                            "/etc/OpenCL/**",
                                            "/etc/glvnd/**",
                                            "/etc/egl/**",
                                            "/etc/drirc",
                                            "/etc/libva.conf",
                                            "/etc/nvidia/**",
                                            "/run/systemd/**",
                                            "/run/dbus/**",
                                            "/var/run/dbus/**",
                                            "/run/nscd/**",
                                            "/var/run/nscd/**",
                                            "/run/opengl-driver/**"};

// What a program is made of, wherever it lies.
constexpr std::array local_code = {"/**/*.so", "/**/*.so.*", "/**/*.debug", "/**/*.dwo",     "/**/*.dwp",
                                   "/**/*.py", "/**/*.pyc",  "/**/*.pth",   "/**/pyvenv.cfg"};

bool has_wildcard(const std::string& glob) {
  return glob.find_first_of("*?[") != std::string::npos;
}

void rule(std::string& text, const char* mode, const std::string& glob) {
  text += std::string("file ") + mode + ' ' + glob + '\n';
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// The path itself and all below it.
void tree(std::string& text, const char* mode, std::string path) {
  path = without_slash(std::move(path));
  rule(text, mode, path);
  rule(text, mode, path == "/" ? "/**" : path + "/**");
}

std::string at_home(const std::string& path, const std::string& home) {
  return path == "~" || path.rfind("~/", 0) == 0 ? home + path.substr(1) : path;
}

/// A glob that means this text alone; a line break, which ends a rule, is any character.
std::string quoted(const std::string& path) {
  std::string glob;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) glob += '\\';
    glob += c == '\n' ? '?' : c;
  }
  return glob;
}

/// A user's entry: a plain path means the tree as well.
void entries(std::string& text, const char* mode, const std::vector<std::string>& globs,
             const std::string& home) {
  for (const auto& entry : globs) {
    const auto glob = at_home(entry, quoted(home));
    if (has_wildcard(entry))
      rule(text, mode, glob);
    else
      tree(text, mode, glob);
  }
}

/// A directory that may be made local as a whole: not one that holds half of a pod's file system.
bool is_own_directory(const std::string& path) {
  constexpr std::array shared = {"",         "/",    "/etc", "/var", "/var/lib", "/var/log", "/run",
                                 "/var/run", "/opt", "/srv", "/mnt", "/home",    "/media",   "/boot"};
  return !path.empty() && path[0] == '/' && std::find(shared.begin(), shared.end(), path) == shared.end();
}

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + (path.rfind('/') == 0));
}

/// What is looked up under another name in the pod is the pod's, wherever it lies: rules are asked by the
/// program's own name.
void mapped_files(std::string& text, const Config& config, const std::string& home) {
  for (auto& [prefix, other] : config.files.map)
    tree(text, config.files.mode == "write" ? "write" : "read", quoted(at_home(prefix, home)));
}

void default_files(std::string& text, const Config& config, const RulesContext& context) {
  const bool has_home = is_own_directory(context.home);
  const auto home = quoted(context.home), executable = quoted(context.executable);
  if (has_home)
    for (const char* name : absent_in_home) tree(text, "absent", home + '/' + name);
  for (const char* path : remote_files) rule(text, "read", path);
  if (config.files.mode != "local")
    for (auto& [link, target] : context.trust_links) tree(text, "read", quoted(link));
  if (config.hostname)
    for (const char* path : network_trees) tree(text, "read", path);
  for (const char* path : local_trees) tree(text, "local", path);
  if (has_home) tree(text, "local", home);
  if (is_own_directory(context.working_directory)) tree(text, "local", quoted(context.working_directory));
  if (!executable.empty()) rule(text, "local", executable);
  if (is_own_directory(directory_of(context.executable))) tree(text, "local", directory_of(executable));
  if (!context.script.empty()) rule(text, "local", quoted(context.script));
  if (is_own_directory(directory_of(context.script)))
    tree(text, "local", quoted(directory_of(context.script)));
  for (auto& name : context.local_opt) tree(text, "local", "/opt/" + quoted(name));
  // Behind the trees above, which most of a program's calls are about: each rule before them costs time.
  for (const char* path : local_configuration) rule(text, "local", path);
  for (const char* glob : local_code) rule(text, "local", glob);
  tree(text, config.files.mode.c_str(), "/");
}

void outgoing(std::string& text, const OutgoingConfig& config) {
  for (const auto port : config.loopback_ports)
    for (const char* network : {"tcp", "udp"})
      for (const char* range : {"127.0.0.0/8", "::1/128"})
        text += std::string("outgoing ") + network + " remote " + range + ':' + std::to_string(port) + '\n';
  for (auto& cidr : config.local) {
    text += "outgoing tcp local " + cidr + '\n';
    text += "outgoing udp local " + cidr + '\n';
  }
  text += std::string("outgoing tcp ") + (config.tcp ? "remote *\n" : "local *\n");
  text += std::string("outgoing udp ") + (config.udp ? "remote *\n" : "local *\n");
  for (auto& glob : config.remote_unix) text += "outgoing unix remote " + glob + '\n';
  text += std::string("outgoing unix ") + (config.unix_sockets ? "remote *\n" : "local *\n");
}

void incoming(std::string& text, const IncomingConfig& config) {
  for (const auto port : config.ignore_ports) text += "incoming local " + std::to_string(port) + '\n';
  if (config.enabled)
    for (const auto port : config.ports) text += "incoming remote " + std::to_string(port) + '\n';
  text += config.enabled && config.ports.empty() ? "incoming remote *\n" : "incoming local *\n";
}

std::string link_target(const std::string& path) {
  std::string target(4096, '\0');
  const auto length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0) return {};
  target.resize(static_cast<std::size_t>(length));
  return target;
}

/// Where a link of local software leads that names the trust store in the machine's configuration; empty: it
/// is no such link.
std::string trust_store_of(const std::string& link) {
  const auto text = link_target(link);
  if (text.empty()) return {};
  const auto target = (std::filesystem::path(link).parent_path() / text).lexically_normal().string();
  for (const std::string_view store : {"/etc/ssl/", "/etc/pki/", "/etc/ca-certificates/"})
    if (target.starts_with(store)) return without_slash(target);
  return {};
}

std::vector<std::pair<std::string, std::string>> trust_links_of(const std::string& executable) {
  std::vector<std::string> names;
  for (const char* directory : {"/usr/lib/ssl", "/usr/lib64/ssl", "/usr/local/ssl", "/usr/share/ssl"})
    for (const char* name : {"/certs", "/cert.pem", "/private"})
      names.push_back(directory + std::string(name));
  std::error_code error;
  std::vector<std::filesystem::path> javas{
      std::filesystem::path(executable).parent_path().parent_path()};  // of …/bin/java
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/jvm", error))
    javas.push_back(entry.path());
  for (const auto& java : javas)
    for (const char* below : {"lib/security", "jre/lib/security"}) {
      const auto directory = java / below;
      names.push_back(directory / "cacerts");
      // Debian's lib/security may itself be a link to /etc/java-*.
      const auto real = std::filesystem::canonical(directory, error);
      if (!error && real != directory) names.push_back(real / "cacerts");
    }
  std::vector<std::pair<std::string, std::string>> links;
  for (const auto& name : names)
    if (auto target = trust_store_of(name); !target.empty()) links.emplace_back(name, std::move(target));
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());
  return links;
}

/// The words of a file's `#!` line; none if it has no such line. Any argument of a program may be asked
/// about, so nothing but a regular file is opened: a FIFO would hold everybody up, and of a terminal or pipe
/// (/dev/stdin) the input is the program's.
std::vector<std::string> interpreter_line(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return {};
  std::ifstream file(path, std::ios::binary);
  std::string line(256, '\0');  // as much as the kernel looks at
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(file.gcount()));
  if (!line.starts_with("#!")) return {};
  std::istringstream words(line.substr(2, line.find('\n') - 2));
  return {std::istream_iterator<std::string>(words), {}};
}

bool is_interpreter(const std::string& word, const std::string& executable) {
  const std::string name = word.substr(word.rfind('/') + 1);
  std::error_code error;
  return executable.substr(executable.rfind('/') + 1).rfind(name, 0) ==
             0 ||  // env's word, and python3 for python3.11
         std::filesystem::equivalent(word, executable, error);
}

/// The script that a process runs: the kernel puts its path behind the interpreter and that one's argument
/// (execve(2)).
std::string script_of(int pid, const std::string& executable) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  std::string word;
  for (int number = 0; number < 3 && std::getline(file, word, '\0'); ++number) {
    if (number == 0 || word.empty() || word[0] != '/') continue;
    for (const auto& part : interpreter_line(word))
      if (is_interpreter(part, executable)) return word;
  }
  return {};
}

}  // namespace

RulesContext rules_context_of(int pid, const std::string& executable) {
  RulesContext context;
  if (const char* home = std::getenv("HOME")) context.home = home;
  context.executable = executable;
  if (pid > 0) context.script = script_of(pid, executable);
  if (pid > 0) context.working_directory = link_target("/proc/" + std::to_string(pid) + "/cwd");
  const std::unique_ptr<DIR, int (*)(DIR*)> opt(::opendir("/opt"), ::closedir);
  while (const auto* entry = opt ? ::readdir(opt.get()) : nullptr)
    if (entry->d_name[0] != '.') context.local_opt.push_back(entry->d_name);
  std::sort(context.local_opt.begin(), context.local_opt.end());
  context.trust_links = trust_links_of(executable);
  return context;
}

std::string rules_text(const Config& config, const RulesContext& context) {
  std::string text;
  for (auto& [prefix, other] : config.files.map)
    text += "map " + without_slash(at_home(prefix, context.home)) + ' ' + without_slash(other) + '\n';
  // Behind the user's: of equal prefixes the first counts.
  if (config.files.mode != "local")
    for (auto& [link, target] : context.trust_links) text += "map " + link + ' ' + target + '\n';
  if (config.hostname)
    for (const std::string_view path : network_trees)
      if (path.starts_with("/proc/")) text += "map " + std::string(path) + ' ' + network_of_the_pod + '\n';
  entries(text, "absent", config.files.absent, context.home);
  entries(text, "local", config.files.local, context.home);
  entries(text, "write", config.files.write, context.home);
  entries(text, "read", config.files.read, context.home);
  mapped_files(text, config, context.home);
  default_files(text, config, context);
  auto network = config.outgoing;
  for (auto& glob : network.remote_unix) glob = at_home(glob, quoted(context.home));
  outgoing(text, network);
  incoming(text, config.incoming);
  for (auto& glob : config.dns.local) text += "dns local " + glob + '\n';
  text += "dns local localhost\n";
  text += config.dns.enabled ? "dns remote *\n" : "dns local *\n";
  text += config.hostname ? "hostname remote\n" : "hostname local\n";
  return text;
}

}  // namespace inpod::relay
