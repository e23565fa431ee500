// Which of the pod's variables a program may have.
#include "session/variable_policy.hpp"

#include <string>

#include "catch.hpp"

using namespace inpod;

namespace {

void check_all(VariableKind kind, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    INFO(name);
    CHECK(kind_of_variable(name) == kind);
  }
}

}  // namespace

TEST_CASE("what makes a shell, loader, interpreter, TLS library or tool run or read something") {
  check_all(VariableKind::steering, {"BASH_ENV",
                                     "ENV",
                                     "IFS",
                                     "SHELLOPTS",
                                     "BASHOPTS",
                                     "PS4",
                                     "PROMPT_COMMAND",
                                     "ZDOTDIR",
                                     "INPUTRC",
                                     "GLIBC_TUNABLES",
                                     "GCONV_PATH",
                                     "GETCONF_DIR",
                                     "HOSTALIASES",
                                     "LOCALDOMAIN",
                                     "LOCPATH",
                                     "MALLOC_TRACE",
                                     "NIS_PATH",
                                     "NLSPATH",
                                     "RESOLV_HOST_CONF",
                                     "RES_OPTIONS",
                                     "TZDIR",
                                     "DYLD_INSERT_LIBRARIES",
                                     "ASAN_OPTIONS",
                                     "UBSAN_OPTIONS",
                                     "ASAN_SYMBOLIZER_PATH",
                                     "MALLOC_CONF",
                                     "CPUPROFILE",
                                     "GDBHISTFILE",
                                     "PYTHONPATH",
                                     "PYTHONHOME",
                                     "PYTHONSTARTUP",
                                     "PYTHONINSPECT",
                                     "PYTHONBREAKPOINT",
                                     "PYTHON_NEW_IN_3_99",
                                     "PERL5OPT",
                                     "PERL5LIB",
                                     "PERL5DB",
                                     "PERLLIB",
                                     "RUBYOPT",
                                     "RUBYLIB",
                                     "RUBY_DEBUG_PORT",
                                     "GEM_PATH",
                                     "NODE_OPTIONS",
                                     "NODE_PATH",
                                     "NODE_EXTRA_CA_CERTS",
                                     "npm_config_node_options",
                                     "NPM_CONFIG_SCRIPT_SHELL",
                                     "nPm_Config_shell",
                                     "JAVA_TOOL_OPTIONS",
                                     "_JAVA_OPTIONS",
                                     "JDK_JAVA_OPTIONS",
                                     "IBM_JAVA_OPTIONS",
                                     "CLASSPATH",
                                     "JAVA_OPTS",
                                     "CATALINA_OPTS",
                                     "MY_APP_OPTS",
                                     "DOTNET_STARTUP_HOOKS",
                                     "CORECLR_PROFILER",
                                     "COR_PROFILER_PATH",
                                     "LUA_INIT",
                                     "LUA_PATH_5_4",
                                     "PHPRC",
                                     "PHP_INI_SCAN_DIR",
                                     "R_PROFILE_USER",
                                     "TCLLIBPATH",
                                     "ERL_FLAGS",
                                     "GODEBUG",
                                     "GOFLAGS",
                                     "GHCRTS",
                                     "OCAMLRUNPARAM",
                                     "JULIA_LOAD_PATH",
                                     "AWKPATH",
                                     "RUSTC_WRAPPER",
                                     "OPENSSL_CONF",
                                     "OPENSSL_MODULES",
                                     "SSLKEYLOGFILE",
                                     "SSL_CERT_FILE",
                                     "CURL_CA_BUNDLE",
                                     "REQUESTS_CA_BUNDLE",
                                     "GNUTLS_SYSTEM_PRIORITY_FILE",
                                     "KRB5_CONFIG",
                                     "SASL_PATH",
                                     "AWS_CONFIG_FILE",
                                     "KUBECONFIG",
                                     "DOCKER_CONFIG",
                                     "GIT_SSH_COMMAND",
                                     "GIT_CONFIG_KEY_0",
                                     "EDITOR",
                                     "PAGER",
                                     "MANPAGER",
                                     "BROWSER",
                                     "LESSOPEN",
                                     "SSH_ASKPASS",
                                     "SUDO_ASKPASS",
                                     "TAR_OPTIONS",
                                     "RSYNC_RSH",
                                     "CVS_RSH",
                                     "MAKEFLAGS",
                                     "CC",
                                     "GCC_EXEC_PREFIX",
                                     "CPATH",
                                     "GTK_MODULES",
                                     "QT_PLUGIN_PATH",
                                     "GIO_EXTRA_MODULES",
                                     "GST_PLUGIN_PATH",
                                     "LIBGL_DRIVERS_PATH",
                                     "VK_LAYER_PATH",
                                     "OMP_TOOL_LIBRARIES",
                                     "NCCL_NET_PLUGIN",
                                     "PGSYSCONFDIR",
                                     "ODBCINI",
                                     "TERMINFO",
                                     "DEBUGINFOD_URLS"});
}

TEST_CASE("what tools run by a name that is not their prefix's") {
  check_all(VariableKind::steering, {"ZIP",
                                     "GNUPGHOME",
                                     "JAVACMD",
                                     "CONFIG_SITE",
                                     "CONFIG_SHELL",
                                     "M4",
                                     "RIPGREP_CONFIG_PATH",
                                     "FLASK_APP",
                                     "GOPACKAGESDRIVER",
                                     "NAPI_RS_NATIVE_LIBRARY_PATH",
                                     "PRISMA_QUERY_ENGINE_LIBRARY",
                                     "XDEBUG_CONFIG",
                                     "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD",
                                     "SPRING_SERVER_COMMAND",
                                     "PROTOC",
                                     "LIBCLANG_PATH",
                                     "ORT_DYLIB_PATH",
                                     "BORG_PASSCOMMAND",
                                     "RESTIC_PASSWORD_COMMAND",
                                     "PYSPARK_PYTHON",
                                     "SPARK_HOME",
                                     "HADOOP_CLASSPATH",
                                     "LOG4J_CONFIGURATION_FILE",
                                     "IDEA_VM_OPTIONS",
                                     "NEW_RELIC_HOME",
                                     "KOKKOS_TOOLS_LIBS",
                                     "HSA_TOOLS_LIB",
                                     "SOPS_AGE_KEY_CMD",
                                     "R_TESTS",
                                     "PSModulePath"});
}

TEST_CASE("ENV is a stage's name or a shell's start-up file") {
  for (const char* stage : {"production", "PROD", "staging", "dev", "qa"})
    CHECK(kind_of_variable("ENV", stage) == VariableKind::ordinary);
  for (const char* file : {"/tmp/evil.sh", "./dev", "dev/x", "$(id)", "`id`", "dev;id", "prod ", "", "evil"})
    CHECK(kind_of_variable("ENV", file) == VariableKind::steering);
  CHECK(kind_of_variable("BASH_ENV", "production") == VariableKind::steering);
}

TEST_CASE("what make's own rules run") {
  check_all(VariableKind::steering, {"RM", "LD", "COMPILE.c", "LINK.o", "OUTPUT_OPTION", "LDLIBS", "YACC"});
}

TEST_CASE("names that .NET takes in any case") {
  check_all(VariableKind::steering,
            {"ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "aspnetcore_hostingStartupAssemblies",
             "dotnet_startup_hooks", "DotNet_HostingStartupAssemblies", "CORECLR_PROFILER", "complus_x",
             "CustomAfterMicrosoftCommonTargets", "CUSTOMBEFOREMICROSOFTCOMMONPROPS",
             "DirectoryBuildPropsPath", "MSBuildExtensionsPath"});
}

TEST_CASE("what describes a machine, and what is never the pod's") {
  check_all(VariableKind::machine, {"PATH", "HOME", "SHELL", "LC_ALL", "XDG_CONFIG_HOME",
                                    "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "_", "TMPDIR", "LISTEN_FDS",
                                    "NOTIFY_SOCKET", "JAVA_HOME", "GOPATH", "CARGO_HOME", "PHP_INI_DIR"});
  check_all(VariableKind::reserved,
            {"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_X_SERVICE_HOST", "INPOD_SOCKET"});
}

TEST_CASE("an application's own variables") {
  check_all(VariableKind::ordinary, {"APP_MODE",
                                     "app.mode",
                                     "DATABASE_URL",
                                     "DATABASE_PATH",
                                     "APP_OPTIONS",
                                     "MODEL_PATH",
                                     "LOG_LEVEL",
                                     "PORT",
                                     "HOSTNAME",
                                     "TZ",
                                     "DEBUG",
                                     "http_proxy",
                                     "HTTPS_PROXY",
                                     "NO_PROXY",
                                     "KUBERNETES_SERVICE_HOST",
                                     "KUBERNETES_PORT_443_TCP_ADDR",
                                     "KUBERNETES_SERVICE_PORT_HTTPS",
                                     "AWS_REGION",
                                     "AWS_ACCESS_KEY_ID",
                                     "AWS_WEB_IDENTITY_TOKEN_FILE",
                                     "GOOGLE_APPLICATION_CREDENTIALS",
                                     "GOOGLE_CLOUD_PROJECT",
                                     "NODE_ENV",
                                     "NODE_NAME",
                                     "NODE_VERSION",
                                     "PYTHONUNBUFFERED",
                                     "PYTHON_VERSION",
                                     "RUST_LOG",
                                     "RUST_BACKTRACE",
                                     "GOMAXPROCS",
                                     "GOMEMLIMIT",
                                     "OMP_NUM_THREADS",
                                     "GIT_COMMIT",
                                     "GITHUB_TOKEN",
                                     "PGHOST",
                                     "MYSQL_HOST",
                                     "SPRING_PROFILES_ACTIVE",
                                     "ASPNETCORE_URLS",
                                     "RAILS_ENV",
                                     "OTEL_SERVICE_NAME",
                                     "CUDA_VISIBLE_DEVICES",
                                     "GIT_SERVER_SERVICE_HOST",
                                     "DOCKER_REGISTRY_PORT_5000_TCP",
                                     "JAVA_API_SERVICE_PORT",
                                     "ENVIRONMENT",
                                     "SNAPSHOT_DIR",
                                     "HYDRA_ADMIN_URL",
                                     "MAIL_HOST",
                                     "TERMS_URL",
                                     "VIMEO_TOKEN",
                                     "COVERAGE_API_URL",
                                     "PRISMA_CLOUD_URL",
                                     "LESSON_API_URL",
                                     "LUANDA_HOST",
                                     "HGNC_URL",
                                     "SPRING_DATASOURCE_URL",
                                     "SPARK_MASTER_URL",
                                     "AIRFLOW__CORE__EXECUTOR",
                                     "DOTNET_ENVIRONMENT",
                                     "GIN_MODE",
                                     "LOG4J_FORMAT_MSG_NO_LOOKUPS"});
}

TEST_CASE("the shape of a service's address excuses nothing else") {
  check_all(VariableKind::steering,
            {"CARGO_REGISTRIES_X_SERVICE_PORT_CREDENTIAL_PROVIDER", "GIT_SERVICE_HOST_COMMAND",
             "PERL_PORT_5_TCPX", "PERL_PORT__TCP", "PERL_PORT_", "PERL_PORT_80"});
}

TEST_CASE("names that are none") {
  check_all(VariableKind::unusable, {"", "=", "1A", "A B", "A\nB", "BASH_FUNC_exec%%", "BASH_FUNC_exec()",
                                     "A/B", "ü", "-A", ".A", "A\x1b[2J", "A$B"});
  CHECK(kind_of_variable(std::string_view("A\0B", 3)) == VariableKind::unusable);
}
