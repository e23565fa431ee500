// The tables. A pattern is a name, a prefix ("GIT_*") or a suffix ("*_OPTS"). Case matters, as it does to the
// programs that read the variables.
//
// Deliberately not here, because they do no more than what the application does with them: proxies
// (http_proxy, HTTPS_PROXY, NO_PROXY; the connections leave from the pod), credentials and addresses (AWS_*,
// GOOGLE_APPLICATION_CREDENTIALS, KUBERNETES_*), TZ, HOSTNAME.
#include "session/variable_policy.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace inpod {
namespace {

constexpr std::string_view reserved[] = {"LD_*", "INPOD_*"};

constexpr std::string_view machine[] = {
    // login, terminal, language
    "PATH", "HOME", "SHELL", "TERM", "COLORTERM", "TERM_PROGRAM*", "USER", "LOGNAME", "PWD", "OLDPWD",
    "SHLVL", "_", "TMPDIR", "TMP", "TEMP", "LANG", "LANGUAGE", "LC_*", "MAIL", "LINES", "COLUMNS",
    "LS_COLORS",
    // desktop, agents
    "XDG_*", "DISPLAY", "XAUTHORITY", "WAYLAND_*", "DBUS_*", "SSH_*", "GPG_*", "VSCODE_*",
    // what systemd(1) tells one process
    "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
    "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_*", "CREDENTIALS_DIRECTORY", "MAINPID", "MANAGERPID"};

/// Where the image has its tools: as much of that machine as PATH is. Most images set some of them, so a note
/// about each would be read by nobody.
constexpr std::string_view installed[] = {"JAVA_HOME",
                                          "JRE_HOME",
                                          "CATALINA_HOME",
                                          "CATALINA_BASE",
                                          "GRADLE_HOME",
                                          "MAVEN_HOME",
                                          "GOPATH",
                                          "GOROOT",
                                          "CARGO_HOME",
                                          "RUSTUP_HOME",
                                          "GEM_HOME",
                                          "RUBY_DOWNLOAD_URL",
                                          "VIRTUAL_ENV",
                                          "NVM_DIR",
                                          "CONDA_DIR",
                                          "DOTNET_ROOT",
                                          "PHP_INI_DIR",
                                          "PHP_CFLAGS",
                                          "PHP_CPPFLAGS",
                                          "PHP_LDFLAGS",
                                          "PHP_URL",
                                          "PHP_ASC_URL",
                                          "PHPIZE_DEPS",
                                          "BUNDLE_APP_CONFIG",
                                          "BUNDLE_SILENCE_ROOT_WARNING",
                                          "PYTHON_GET_PIP_URL"};

/// Names, and prefixes under which nothing is known to be harmless.
constexpr std::string_view steering[] = {
    // Shells: start-up files, functions, options, prompts (which are expanded), search paths, history files.
    "BASH*", "ENV", "IFS", "SHELLOPTS", "PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT", "PROMPT_COMMAND",
    "PROMPT2", "PROMPT3", "PROMPT4", "RPROMPT*", "RPS1", "RPS2", "SPROMPT", "CDPATH", "FPATH", "ZDOTDIR",
    "FIGNORE", "GLOBIGNORE", "EXECIGNORE", "INPUTRC", "FCEDIT", "HISTFILE", "HISTSIZE", "HISTFILESIZE",
    "HISTCONTROL", "HISTIGNORE", "HISTTIMEFORMAT", "MAILPATH", "MAILCHECK", "POSIXLY_CORRECT", "NULLCMD",
    "READNULLCMD", "TIMEFORMAT", "fish_*", "MODULEPATH", "MODULESHOME", "MODULERCFILE", "LMOD_*", "DIRENV_*",
    "FZF_*", "STARSHIP_*", "PSModulePath",
    // C library and loaders: ld.so(8), glibc's list for secure execution, other systems' loaders, wrappers.
    "GLIBC_TUNABLES", "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "MUSL_LOCPATH",
    "LOCALE_ARCHIVE*", "NIS_PATH", "NLSPATH", "RESOLV_*", "RES_OPTIONS", "TZDIR", "TEXTDOMAINDIR",
    "OUTPUT_CHARSET", "LIBC_FATAL_*", "GMON_OUT_PREFIX", "MEMUSAGE_*", "PCPROFILE_*", "SOTRUSS_*",
    "SEGFAULT_*", "DYLD_*", "_RLD*", "LDR_*", "LIBPATH", "SHLIB_PATH", "NSS_WRAPPER_*", "SOCKET_WRAPPER_*",
    "UID_WRAPPER*", "RESOLV_WRAPPER_*", "FAKEROOT*", "FAKECHROOT*", "TSOCKS_*", "PROXYCHAINS_*", "ICU_DATA",
    "QEMU_*",
    // Allocators, sanitizers, profilers: they load libraries, start symbolizers, write files.
    "MALLOC_*", "_RJEM_*", "JE_MALLOC_*", "TCMALLOC_*", "MIMALLOC_*", "HEAPPROFILE", "HEAP_PROFILE_*",
    "HEAPCHECK*", "HEAP_CHECK_*", "CPUPROFILE*", "PERFTOOLS_*", "PPROF_*", "*SAN_OPTIONS",
    "*SAN_SYMBOLIZER_PATH", "MSAN_*", "LLVM_*", "GCOV_*", "VALGRIND_*", "PERF_CONFIG", "PERF_EXEC_PATH",
    "PERF_BUILDID_DIR", "BPFTRACE_*",
    // Debuggers, and what they read.
    "GDB*", "LLDB*", "DEBUGINFOD_*", "_RR_*", "DEBUGPY_*", "PYDEVD_*", "BUNDLED_DEBUGPY_PATH", "DELVE_*",
    "RUBY_DEBUG_*", "RDBG_*", "XDEBUG_*", "RUST_GDB*", "RUST_LLDB",
    // Python and its tools.
    "VIRTUAL_ENV*", "PIPENV_*", "PIPX_*", "POETRY_*", "PYENV_*", "CONDA_*", "PYTEST_*", "IPYTHONDIR",
    "_PYTHON*", "COVERAGE_PROCESS_*", "COVERAGE_RCFILE", "COV_CORE_*", "PYLINT*", "MYPY*", "MATPLOTLIBRC",
    "MPLBACKEND", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "NUMBA_GDB_BINARY", "THEANO_FLAGS", "PYTENSOR_FLAGS",
    "WERKZEUG_*", "FLASK_APP", "SUPERSET_CONFIG*", "AIRFLOW__*_CMD", "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW_HOME", "AIRFLOW_CONFIG", "PYSPARK_*", "JUPYTER_*", "GUNICORN_CMD_ARGS", "UWSGI_*",
    "UVICORN_APP_DIR", "UVICORN_LOG_CONFIG", "UVICORN_ENV_FILE",
    // Perl, Ruby.
    "PERL*", "BUNDLE_*", "RBENV_*", "RVM_*", "rvm_*", "IRBRC", "BOOTSNAP_*", "RAKEOPT", "PAR_GLOBAL_*",
    "PAR_TMPDIR", "PRYRC", "THOR_DIFF", "THOR_MERGE", "SPRING_SERVER_COMMAND", "SPRING_TMP_PATH",
    "SPRING_SOCKET",
    // Node.js and its kind.
    "COREPACK_*", "NVM_*", "NODENV_*", "VOLTA_*", "FNM_*", "TS_NODE_*", "TSX_*", "DENO_*", "BUN_*",
    "ELECTRON_*", "ESBUILD_BINARY_PATH", "PLAYWRIGHT_*", "PUPPETEER_EXECUTABLE_PATH", "CHROME_BIN",
    "CHROME_PATH", "FIREFOX_BIN", "CYPRESS_RUN_BINARY", "PRISMA_*BINARY", "PRISMA_*LIBRARY", "PRISMA_*MIRROR",
    "NAPI_RS_*", "BIOME_BINARY", "SWC_BINARY_PATH", "TURBO_BINARY_PATH", "DOTENV_CONFIG_*", "PM2_*",
    "NEW_RELIC_HOME", "ELASTIC_APM_CONFIG_FILE",
    // The JVM.
    "_JAVA_OPTIONS", "CLASSPATH", "JVM_*", "*_JAVA_OPTIONS", "*_JVM_ARGS", "M2_HOME", "ANT_*", "SBT_*",
    "LEIN_*", "GROOVY_*", "JENV_*", "SDKMAN_*", "LOADER_PATH", "LOADER_HOME", "LOADER_MAIN", "LOADER_ARGS",
    "LOADER_CONFIG_*", "OTEL_JAVAAGENT_*", "JAVACMD*", "MVNW_*", "ORG_GRADLE_PROJECT_*", "KOTLIN_*",
    "COURSIER_*", "SPARK_HOME", "SPARK_CONF_DIR", "SPARK_CLASSPATH", "HADOOP_HOME", "HADOOP_CONF_DIR",
    "HADOOP_*CLASSPATH*", "LOG4J_CONFIGURATION_FILE", "LOG4J2_CONFIGURATION_FILE", "LOG4J_SCRIPT_*",
    "*_VM_OPTIONS", "*_JVM_OPTIONS",
    // .NET.
    "COR_PROFILER*", "COR_ENABLE_PROFILING", "MONO_*", "OTEL_DOTNET_AUTO_*",
    // Go, Rust.
    "GODEBUG", "GOFLAGS", "GOENV", "GOENV_*", "GOBIN", "GOPROXY", "GOSUMDB", "GONO*", "GOPRIVATE",
    "GOINSECURE", "GOVCS", "GOAUTH", "GOTOOLCHAIN", "GOTOOLDIR", "GOTRACEBACK", "GOCOVERDIR", "GOTMPDIR",
    "GOCACHE*", "GOMODCACHE", "GOWORK", "GOPACKAGESDRIVER", "CGO_*", "RUSTC*", "RUSTDOC*", "RUSTFLAGS",
    "LIBCLANG_*", "PROTOC", "ORT_DYLIB_PATH", "PYO3_*",
    // Other interpreters and run times.
    "PHPRC", "LUA_*", "LUAROCKS_*", "LUAJIT_*", "PLTCOLLECTS", "PLTADDONDIR", "PLTUSERHOME",
    "PLTCOMPILEDROOTS", "PLTCONFIGDIR", "GAMBOPT", "SBCL_*", "CLJ_CONFIG", "TCLLIBPATH", "TCL*_LIBRARY",
    "TK_LIBRARY", "GUILE_*", "ERL_*", "ERTS_*", "REBAR_*", "RELX_*", "VMARGS_PATH", "RELEASE_VM_ARGS",
    "RELEASE_REMOTE_VM_ARGS", "RELEASE_SYS_CONFIG", "RELEASE_ROOT", "RELEASE_BOOT_SCRIPT*", "R_*", "OCTAVE_*",
    "OCAML*", "CAML*", "GHCRTS", "GHC_*", "CABAL_*", "STACK_ROOT", "AWKPATH", "AWKLIBPATH", "GAWK_*",
    // TLS, name services and single sign-on.
    "OPENSSL_*", "SSL_CERT_*", "SSLKEYLOGFILE", "RANDFILE", "QLOGDIR", "OPENSC_*", "TSS2_*", "TPM2*",
    "SOFTHSM2_CONF", "GNUPG*", "PASSWORD_STORE_*", "SOPS_*_CMD", "SOPS_GPG_EXEC", "GNUTLS_*", "NSS_*",
    "P11_KIT_*", "PKCS11_*", "*_CA_BUNDLE", "HTTPS_CA_FILE", "HTTPS_CA_DIR", "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "KRB5*", "GSS_*", "GSSAPI_*", "SASL_PATH", "SASL_CONF_PATH",
    "LDAPCONF", "LDAPRC", "LDAPTLS_*",
    // Clients whose settings name plug-ins, helpers or further files.
    "AWS_CONFIG_FILE", "AWS_DATA_PATH", "AZURE_CONFIG_DIR", "AZURE_EXTENSION_DIR",
    "AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "CLOUDSDK_*", "BOTO_*",
    "BOTO_CONFIG", "KUBECONFIG", "KUBECTL_*", "KUBERC", "KUBECACHEDIR", "KUBE_EDITOR", "BUILDKIT_*",
    "BUILDX_*", "COMPOSE_*", "CONTAINERS_*", "PODMAN_*", "BUILDAH_*", "REGISTRY_AUTH_FILE", "TF_CLI_*",
    "TF_DATA_DIR", "TF_PLUGIN_*", "TF_LOG_PATH", "TF_REATTACH_PROVIDERS", "TERRAGRUNT_*", "TG_TF_PATH",
    "PULUMI_HOME", "PACKER_PLUGIN_PATH", "PACKER_CONFIG*", "KUSTOMIZE_PLUGIN_HOME", "CNI_PATH", "LIBVIRT_*",
    "LIBGUESTFS_*", "FACTERLIB", "ANSIBLE_*", "VAULT_CONFIG_PATH", "VAULT_CACERT", "VAULT_CAPATH", "CURL_*",
    "WGETRC", "SYSTEM_WGETRC", "NETRC", "PGSERVICEFILE", "PGSYSCONFDIR", "PGPASSFILE", "PGSSLCERT",
    "PGSSLKEY", "PGSSLROOTCERT", "PGSSLCRL*", "PGLOCALEDIR", "PSQLRC", "PSQL_*", "MYSQL_HOME", "MARIADB_HOME",
    "LIBMYSQL_*", "MYSQL_HISTFILE", "MYCLI_*", "ODBCINI", "ODBCSYSINI", "ODBCINSTINI", "ORACLE_HOME",
    "TNS_ADMIN", "FREETDS*", "TDSDUMP*", "TDSVER", "SQLITE_HISTORY", "SQLITE_TMPDIR", "REDISCLI_*",
    // Version control, editors, pagers, and whatever else starts a program by name.
    "HG", "HGRCPATH", "HGEDITOR", "HGMERGE", "HGPLAIN*", "HGUSER", "HG_*", "SVN_*", "CVSROOT", "CVS_*",
    "BZR*", "P4*", "GH_CONFIG_DIR", "GH_PATH", "EDITOR", "*_EDITOR", "VISUAL", "PAGER", "*_PAGER", "MANPAGER",
    "BROWSER", "*_BROWSER", "*_RSH", "*_PASSCOMMAND", "*_PASSWORD_COMMAND", "MAILCAP*", "MAILRC", "*_ASKPASS",
    "LESS", "LESS_*", "LESSOPEN", "LESSCLOSE", "LESSKEY*", "LESSEDIT", "LESSSECURE*", "LESSHIST*",
    "LESSCHARSET", "LESSCHARDEF", "LESSECHO", "LESSMETA*", "LESSGLOBALTAGS", "MORE", "MOST_INITFILE",
    "MOST_SWITCHES", "MANPATH", "MANOPT", "MANROFF*", "MANPL", "GROFF_*", "INFOPATH", "VIM", "VIM_*",
    "VIMINIT", "VIMRUNTIME", "GVIMINIT", "EXINIT", "MYVIMRC", "NVIM_*", "EMACS*", "SCREENRC", "SYSSCREENRC",
    "TMUX*", "SUDO_*", "POLKIT_*", "TAR_*", "TAPE", "RSYNC_*", "RSH", "REMSH", "GZIP", "BZIP*", "XZ_*",
    "ZSTD_*", "ZIP", "ZIPOPT", "ZIPINFO*", "UNZIP*", "BORG_*", "RCLONE_*", "LFTP_*", "RIPGREP_CONFIG_PATH",
    "BAT_CONFIG_*", "ACKRC", "HTTPIE_*", "GREP_OPTIONS", "BC_ENV_ARGS", "DC_ENV_ARGS", "LYNX_*", "W3M*",
    "MUTT*", "MAGICK_*", "GS_LIB", "GS_OPTIONS", "GS_FONTPATH", "TEXMF*", "TEXINPUTS", "BIBINPUTS",
    "openout_any", "openin_any", "shell_escape", "FFREPORT", "FFMPEG_DATADIR", "LADSPA_PATH", "FREI0R_PATH",
    "GDAL_*", "OGR_DRIVER_PATH", "PROJ_LIB", "HDF5_*", "GEGL_*", "BABL_PATH", "VIPSHOME", "LV2_PATH",
    "GNUPLOT_*", "BLENDER_*",
    // Compilers and build tools.
    "LD", "RM", "CO", "GET", "PC", "OBJC", "M2C", "F77", "LEX", "YACC", "LINT", "M4", "TEX", "CTANGLE",
    "CWEAVE", "TANGLE", "WEAVE", "MAKEINFO*", "TEXI2DVI*", "COMPILE.*", "LINK.*", "PREPROCESS.*", "LEX.*",
    "YACC.*", "LINT.*", "OUTPUT_OPTION", "TARGET_ARCH", "TARGET_MACH", "LDLIBS", "LOADLIBES", "ARFLAGS",
    "ASFLAGS", "COFLAGS", "FFLAGS", "F77FLAGS", "GFLAGS", "LFLAGS", "LINTFLAGS", "PFLAGS", "RFLAGS", "YFLAGS",
    "CONFIG_SHELL", "CONFIG_SITE", "AUTOCONF", "AUTOHEADER", "AUTOMAKE", "ACLOCAL", "AUTOPOINT", "BISON_*",
    "MAKE", "MAKE_COMMAND", "MAKEFLAGS", "MAKEFILES", "MAKESHELL", "MFLAGS", "GNUMAKEFLAGS", "CC", "CXX",
    "CPP", "FC", "AR", "AS", "NM", "RANLIB", "STRIP", "OBJCOPY", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS",
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH",
    "GCC_*", "COLLECT_*", "CCC_*", "CLANG_*", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CCACHE_*",
    "DISTCC_*", "SCCACHE_*", "CMAKE_*", "CTEST_*", "NINJA_*", "MESON*", "BAZEL*", "PKG_CONFIG*",
    "ACLOCAL_PATH", "AUTOM4TE*", "LIBTOOL*", "NIX_*", "HOMEBREW_*", "ASDF_*", "MISE_*", "DPKG_*",
    "APT_CONFIG", "DEBCONF_*", "RPM_*", "SNAP", "SNAP_*", "FLATPAK*", "APPIMAGE*", "APPDIR",
    // Graphics, sound, terminals: modules and drivers that are loaded by these.
    "GTK*", "GDK_*", "GIO_*", "GI_TYPELIB_PATH", "GSETTINGS_*", "G_DEBUG", "GST_*", "QT_*", "QML*", "KDE*",
    "LIBGL_*", "MESA_*", "GALLIUM_*", "DRI_*", "EGL_*", "__EGL*", "__GL*", "GBM_*", "VK_LAYER_*", "VK_ADD_*",
    "VK_ICD_*", "VK_DRIVER_*", "VK_INSTANCE_LAYERS", "VK_LOADER_*", "VK_IMPLICIT_*", "LIBVA_*", "VDPAU_*",
    "ALSA_*", "PULSE_SERVER", "PULSE_CONFIG*", "PULSE_CLIENTCONFIG", "PIPEWIRE_*", "SDL_*", "FONTCONFIG_*",
    "XMODIFIERS", "XLOCALEDIR", "XENVIRONMENT", "XAPPLRESDIR", "XFILESEARCHPATH", "XUSERFILESEARCHPATH",
    "WEBKIT_*", "TERMINFO*", "TERMCAP", "TERMPATH",
    // Numeric libraries: tools and plug-ins that are loaded by these.
    "OMP_TOOL*", "KMP_*", "OMPI_*", "OPAL_PREFIX", "OPAL_*DIR", "PMIX_*", "PRTE_*", "I_MPI_*",
    "HYDRA_LAUNCHER*", "HYDRA_BOOTSTRAP*", "UCX_*", "FI_PROVIDER_*", "HWLOC_*", "CUDA_INJECTION*",
    "CUDA_PATH", "CUDA_HOME", "NVCC*", "HSA_TOOLS_*", "ROCP_*", "ROCPROFILER_*", "UR_ADAPTERS_*",
    "KOKKOS_*LIB*", "PJRT_NAMES_AND_LIBRARY_PATHS", "TPU_LIBRARY_PATH", "NVTX_INJECTION*", "NCCL_*PLUGIN*",
    "OCL_ICD_*", "OPENCL_*", "FLEXIBLAS*", "OPENCV_*", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_*",
    "TRITON_CACHE_DIR", "TRITON_*_PATH", "XLA_FLAGS", "TF_XLA_FLAGS",
    // Launch scripts evaluate these (JAVA_OPTS, CATALINA_OPTS, and Gradle's for every application's name).
    "*_OPTS"};

/// .NET's configuration and MSBuild's properties take names in any case. In lower case here.
constexpr std::string_view steering_of_any_case[] = {"aspnetcore_hostingstartup*",
                                                     "aspnetcore_startupassembly",
                                                     "complus_*",
                                                     "coreclr_*",
                                                     "msbuild*",
                                                     "custombefore*",
                                                     "customafter*",
                                                     "directorybuild*",
                                                     "directorypackages*",
                                                     "csctool*"};

/// Prefixes of one tool each, of which images and applications use names that are harmless.
constexpr std::string_view namespaces[] = {
    "PYTHON*",  "PIP_*",      "UV_*",     "RUBY*",    "GEM_*",   "BUNDLER_*", "NODE_*",    "JAVA_*",
    "JDK_*",    "CATALINA_*", "GRADLE_*", "MAVEN_*",  "NUGET_*", "PHP_*",     "COMPOSER*", "MIX_*",
    "ELIXIR_*", "JULIA_*",    "CARGO*",   "RUSTUP_*", "GIT_*",   "DOCKER_*",  "HELM_*"};

/// The same for tools that read their variables in upper and lower case alike.
constexpr std::string_view namespaces_of_any_case[] = {"npm_*", "yarn_*", "pnpm_*", "dotnet_*"};

/// What comes through of the namespaces and `machine`: it runs and reads nothing.
constexpr std::string_view harmless[] = {"PYTHONUNBUFFERED",
                                         "PYTHONDONTWRITEBYTECODE",
                                         "PYTHONHASHSEED",
                                         "PYTHONUTF8",
                                         "PYTHONFAULTHANDLER",
                                         "UV_THREADPOOL_SIZE",
                                         "NODE_ENV",
                                         "NODE_NAME",
                                         "NODE_IP",
                                         "NODE_ID",
                                         "NODE_HOSTNAME",
                                         "NODE_APP_INSTANCE",
                                         "DOTNET_ENVIRONMENT",
                                         "DOTNET_RUNNING_IN_CONTAINER",
                                         "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT",
                                         "DOTNET_URLS",
                                         "MIX_ENV",
                                         "GIT_SHA",
                                         "GIT_COMMIT",
                                         "GIT_COMMIT_SHA",
                                         "GIT_BRANCH",
                                         "GIT_TAG",
                                         "GIT_REF",
                                         "GIT_REVISION",
                                         "GIT_HASH",
                                         "*_VERSION",
                                         "*_SHA256",
                                         "*_PORT"};

bool fits(std::string_view name, std::string_view pattern) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern;
  const auto before = pattern.substr(0, star), behind = pattern.substr(star + 1);
  if (!name.starts_with(before)) return false;
  if (behind.ends_with('*'))
    return name.find(behind.substr(0, behind.size() - 1), star) != std::string_view::npos;
  return name.size() >= before.size() + behind.size() && name.ends_with(behind);
}

template <std::size_t N>
bool fits_any(std::string_view name, const std::string_view (&patterns)[N]) {
  return std::any_of(std::begin(patterns), std::end(patterns),
                     [&](std::string_view pattern) { return fits(name, pattern); });
}

bool is_upper_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// One of those that Kubernetes sets for each service, whatever a service is called (git-server,
/// docker-registry): X_SERVICE_HOST, X_SERVICE_PORT, X_SERVICE_PORT_HTTP, X_PORT_80_TCP, X_PORT_80_TCP_ADDR.
bool is_service_link(std::string_view name) {
  if (name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT")) return true;
  constexpr std::string_view named_port = "_SERVICE_PORT_", port = "_PORT_";
  if (const auto at = name.rfind(named_port); at != std::string_view::npos) {
    const auto label = name.substr(at + named_port.size());
    constexpr std::size_t longest_label = 15;  // of a port's name
    return label.size() <= longest_label && std::all_of(label.begin(), label.end(), is_upper_or_digit);
  }
  const auto at = name.rfind(port);
  if (at == std::string_view::npos) return false;
  const auto number = name.substr(at + port.size());
  const auto end = number.find_first_not_of("0123456789");
  if (end == 0 || end == std::string_view::npos) return false;
  for (const std::string_view protocol : {"_TCP", "_UDP", "_SCTP"})
    for (const std::string_view part : {"", "_PROTO", "_PORT", "_ADDR"})
      if (number.substr(end).starts_with(protocol) && number.substr(end + protocol.size()) == part)
        return true;
  return false;
}

/// In ASCII, whatever the locale.
bool is_usable(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto further = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  return !name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), further);
}

std::string lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

/// A list, because any other word could be a file in the program's working directory.
bool is_stage(std::string_view value) {
  constexpr std::string_view stages[] = {
      "dev",   "develop", "development", "test",     "testing", "int",        "integration", "qa",     "uat",
      "stage", "staging", "preprod",     "pre-prod", "prod",    "production", "live",        "sandbox"};
  return fits_any(lower_case(value), stages);
}

}  // namespace

VariableKind kind_of_variable(std::string_view name, std::string_view value) {
  if (!is_usable(name)) return VariableKind::unusable;
  if (name == "ENV" && is_stage(value)) return VariableKind::ordinary;
  if (fits_any(name, reserved)) return VariableKind::reserved;
  if (is_service_link(name)) return VariableKind::ordinary;
  if (fits_any(name, installed)) return VariableKind::machine;
  const auto lower = lower_case(name);
  if (fits_any(name, steering) || fits_any(lower, steering_of_any_case)) return VariableKind::steering;
  if (fits_any(name, harmless)) return VariableKind::ordinary;
  if (fits_any(name, machine)) return VariableKind::machine;
  if (fits_any(name, namespaces) || fits_any(lower, namespaces_of_any_case)) return VariableKind::steering;
  return VariableKind::ordinary;
}

}  // namespace inpod
