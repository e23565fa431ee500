#include "relay/rules.hpp"

#include <fnmatch.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "catch.hpp"

using inpod::Config;
using inpod::relay::rules_text;
using inpod::relay::RulesContext;

namespace {

RulesContext developer() {
  return {"/home/dev", "/home/dev/shop", "/home/dev/shop/build/app", {"gradle"}};
}

/// First match wins. fnmatch without FNM_PATHNAME lets `*` cross segments, which is enough for these cases.
std::string mode_of(const std::string& rules, const std::string& path) {
  std::istringstream lines(rules);
  for (std::string word, mode, glob, line; std::getline(lines, line);) {
    std::istringstream parts(line);
    parts >> word >> mode >> glob;
    if (word == "file" && ::fnmatch(glob.c_str(), path.c_str(), 0) == 0) return mode;
  }
  return "none";
}

bool has_line(const std::string& rules, const std::string& line) {
  return ("\n" + rules).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("default rules: the pod's files are remote, what the program is made of is local") {
  const auto rules = rules_text(Config{}, developer());
  for (const char* path :
       {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/app/config.yaml", "/var/lib/data/x",
        "/run/secrets/kubernetes.io/serviceaccount/token", "/app/settings.json", "/opt/shop/x.conf",
        "/etc/ssl/certs/ca-certificates.crt", "/"})
    CHECK((path + (" " + mode_of(rules, path))) == std::string(path) + " read");
  for (const char* path :
       {"/proc/self/maps", "/dev/null", "/sys/fs", "/tmp/x", "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/lib64/ld-linux-x86-64.so.2", "/home/dev/notes", "/home/dev/shop/build/app", "/etc/ld.so.cache",
        "/etc/nsswitch.conf", "/etc/passwd", "/run/user/1000/bus", "/opt/gradle/lib/x", "/srv/plugins/x.so",
        "/srv/plugins/libx.so.3", "/etc/ssl/openssl.cnf", "/etc/java-17/security"})
    CHECK((path + (" " + mode_of(rules, path))) == std::string(path) + " local");
  CHECK(mode_of(rules, "/home/dev/.kube/config") == "absent");
  CHECK(mode_of(rules, "/home/dev/.aws/credentials") == "absent");
}

TEST_CASE("what configures a local program or library is local, what configures the service is the pod's") {
  const auto rules = rules_text(Config{}, developer());
  for (const char* path : {"/etc/php",
                           "/etc/php/8.2/cli/conf.d/10-pdo.ini",
                           "/etc/php.ini",
                           "/etc/php.d/20-curl.ini",
                           "/etc/php82/conf.d/x.ini",
                           "/etc/ruby/x",
                           "/etc/gemrc",
                           "/etc/npmrc",
                           "/etc/R/Rprofile.site",
                           "/etc/ld.so.conf.d/libc.conf",
                           "/etc/ld.so.conf.d",
                           "/etc/locale.alias",
                           "/etc/inputrc",
                           "/etc/alternatives/java",
                           "/etc/bash.bashrc",
                           "/etc/profile.d/lang.sh",
                           "/etc/ImageMagick-6/delegates.xml",
                           "/etc/OpenCL/vendors/x.icd",
                           "/etc/vulkan/icd.d/x.json",
                           "/etc/glvnd/egl_vendor.d/x.json",
                           "/etc/gdb/gdbinit",
                           "/etc/lldb/x",
                           "/etc/gitconfig",
                           "/etc/odbcinst.ini",
                           "/etc/gss/mech.d/x.conf",
                           "/etc/crypto-policies/back-ends/opensslcnf.config",
                           "/etc/pkcs11/modules/x",
                           "/etc/xml/catalog"})
    CHECK((path + (" " + mode_of(rules, path))) == std::string(path) + " local");
  for (const char* path :
       {"/etc/mysql/my.cnf", "/etc/mime.types", "/etc/magic", "/etc/odbc.ini", "/etc/krb5.conf",
        "/etc/nginx/nginx.conf", "/etc/postgresql/x", "/etc/redis/redis.conf", "/etc/environment",
        "/etc/timezone", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/javascript/x"})
    CHECK((path + (" " + mode_of(rules, path))) == std::string(path) + " read");
}

TEST_CASE("links in local software to the trust store lead to the pod's") {
  auto context = developer();
  context.trust_links = {{"/usr/lib/ssl/certs", "/etc/ssl/certs"},
                         {"/usr/lib/jvm/java-17/lib/security/cacerts", "/etc/ssl/certs/java/cacerts"}};
  Config config;
  const auto rules = rules_text(config, context);
  CHECK(has_line(rules, "map /usr/lib/ssl/certs /etc/ssl/certs"));
  CHECK(mode_of(rules, "/usr/lib/ssl/certs/0a775a30.0") == "read");
  CHECK(mode_of(rules, "/usr/lib/ssl/openssl.cnf") == "local");
  CHECK(mode_of(rules, "/usr/lib/jvm/java-17/lib/security/cacerts") == "read");
  CHECK(mode_of(rules, "/usr/lib/jvm/java-17/lib/modules") == "local");
  config.files.local = {"/usr/lib/ssl/certs"};
  CHECK(mode_of(rules_text(config, context), "/usr/lib/ssl/certs/0a775a30.0") == "local");
  config.files.mode = "local";
  CHECK_FALSE(has_line(rules_text(config, context), "map /usr/lib/ssl/certs /etc/ssl/certs"));
}

TEST_CASE("the user's lists come before the defaults: absent, local, write, read") {
  Config config;
  config.files.absent = {"/etc/app/secret"};
  config.files.local = {"/etc/app", "~/x"};
  config.files.write = {"/var/log/app/*.log"};
  config.files.read = {"/usr/share/shop", "/etc/app/secret"};
  config.files.map = {{"/home/dev/data", "/data"}};
  const auto rules = rules_text(config, developer());
  CHECK(mode_of(rules, "/home/dev/data/x") == "read");
  CHECK(mode_of(rules, "/home/dev/data") == "read");
  CHECK(mode_of(rules, "/home/dev/other") == "local");
  CHECK(mode_of(rules, "/etc/app/secret") == "absent");
  CHECK(mode_of(rules, "/etc/app/config.yaml") == "local");
  CHECK(mode_of(rules, "/var/log/app/a.log") == "write");
  CHECK(mode_of(rules, "/usr/share/shop/x") == "read");
  CHECK(has_line(rules, "map /home/dev/data /data"));
  CHECK(has_line(rules, "file local /home/dev/x"));
  config.outgoing.remote_unix = {"~/run/*.sock"};
  CHECK(has_line(rules_text(config, developer()), "outgoing unix remote /home/dev/run/*.sock"));
}

TEST_CASE("directories whose names look like globs are taken as they are") {
  RulesContext context{"/home/[dev", "/projects/a*b/[x]", "/srv/b?n/[app", {"tool["}};
  Config config;
  config.files.read = {"~/data"};
  const auto rules = rules_text(config, context);
  for (const char* path : {"/home/[dev/notes", "/projects/a*b/[x]/file", "/srv/b?n/[app",
                           "/srv/b?n/plugin.conf", "/opt/tool[/x"})
    CHECK((path + (" " + mode_of(rules, path))) == std::string(path) + " local");
  CHECK(mode_of(rules, "/home/[dev/.kube/config") == "absent");
  CHECK(mode_of(rules, "/home/[dev/data/x") == "read");
  CHECK(mode_of(rules, "/projects/a_b/x/file") == "read");
  CHECK(mode_of(rules, "/srv/bin/other.conf") == "read");
}

TEST_CASE("a home with a space and a directory with a line break keep the rules' form") {
  auto context = developer();
  context.home = "/home/my self";
  context.working_directory = "/srv/two\nlines";
  Config config;
  config.files.map = {{"~/data", "/data"}};
  const auto rules = rules_text(config, context);
  CHECK(has_line(rules, "map /home/my self/data /data"));
  CHECK(has_line(rules, "file read /home/my self/data/**"));
  CHECK(has_line(rules, "file local /srv/two?lines/**"));
}

TEST_CASE("a program that runs in a shared directory does not make it local") {
  auto context = developer();
  context.home = "/";
  context.working_directory = "/var";
  context.executable = "/app";
  const auto rules = rules_text(Config{}, context);
  CHECK(mode_of(rules, "/var/lib/data/x") == "read");
  CHECK(mode_of(rules, "/data/y") == "read");
  CHECK(mode_of(rules, "/app") == "local");
}

TEST_CASE("a script and its folder are this machine's, as a program's are") {
  auto context = developer();
  context.executable = "/usr/bin/dash";
  context.script = "/srv/tools/start.sh";
  const auto rules = rules_text(Config{}, context);
  CHECK(mode_of(rules, "/srv/tools/start.sh") == "local");
  CHECK(mode_of(rules, "/srv/tools/lib/x") == "local");
  CHECK(mode_of(rules, "/srv/other") == "read");
}

TEST_CASE("a FIFO among a program's arguments is not opened") {
  char directory[] = "/tmp/inpod-rules-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  std::string fifo = std::string(directory) + "/fifo", program = "/bin/cat";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  char* const arguments[] = {program.data(), fifo.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = -1;
  REQUIRE(posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment) == 0);
  const auto context = inpod::relay::rules_context_of(pid, program);  // would wait for a writer
  CHECK(context.script.empty());
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  std::filesystem::remove_all(directory);
}

TEST_CASE("network rules follow the configuration") {
  Config config;
  config.outgoing.local = {"192.168.0.0/16:5432"};
  config.outgoing.udp = false;
  config.outgoing.loopback_ports = {3500};
  config.incoming.ports = {8080};
  config.incoming.ignore_ports = {9229};
  config.dns.local = {"*.corp"};
  config.hostname = false;
  const auto rules = rules_text(config, developer());
  CHECK(has_line(rules, "outgoing tcp local 192.168.0.0/16:5432"));
  CHECK(has_line(rules, "outgoing tcp remote *"));
  CHECK(has_line(rules, "outgoing tcp remote 127.0.0.0/8:3500"));
  CHECK(has_line(rules, "outgoing tcp remote ::1/128:3500"));
  CHECK(has_line(rules, "outgoing udp local *"));
  CHECK(has_line(rules, "outgoing unix local *"));
  CHECK(has_line(rules, "incoming local 9229"));
  CHECK(has_line(rules, "incoming remote 8080"));
  CHECK(has_line(rules, "incoming local *"));
  CHECK(has_line(rules, "dns local *.corp"));
  CHECK(has_line(rules, "dns remote *"));
  CHECK(has_line(rules, "hostname local"));
}

TEST_CASE("a mapped prefix is the pod's wherever it lies, but for the user's own lists") {
  Config config;
  config.files.map = {{"~/shop/config/", "/etc/app/"}, {"/usr/share/[x]", "/data"}};
  config.files.local = {"/home/dev/shop/config/mine"};
  auto rules = rules_text(config, developer());
  CHECK(has_line(rules, "map /home/dev/shop/config /etc/app"));
  CHECK(has_line(rules, "file read /usr/share/\\[x]/**"));
  CHECK(mode_of(rules, "/home/dev/shop/config/app.yaml") == "read");
  CHECK(mode_of(rules, "/home/dev/shop/config/mine") == "local");
  CHECK(mode_of(rules, "/usr/share/x/y") == "local");
  config.files.mode = "write";
  CHECK(mode_of(rules_text(config, developer()), "/home/dev/shop/config/app.yaml") == "write");
  config.files.mode = "local";
  CHECK(mode_of(rules_text(config, developer()), "/home/dev/shop/config/app.yaml") == "read");
}
