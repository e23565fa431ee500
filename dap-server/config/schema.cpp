// JSON schema (draft-07) and docs/config.md from the key table.
#include <nlohmann/json.hpp>

#include "config/keys.hpp"
#include "config/load.hpp"

namespace inpod::config {
namespace {

using Json = nlohmann::ordered_json;

const Json port = {{"type", "integer"}, {"minimum", 1}, {"maximum", 65535}};

/// Type and default of one field.
struct Describe {
  const Key& key;
  Json operator()(const std::string* value) const { return {{"type", "string"}, {"default", *value}}; }
  Json operator()(const bool* value) const { return {{"type", "boolean"}, {"default", *value}}; }
  Json operator()(const std::uint32_t* value) const {
    return {{"type", "integer"}, {"minimum", key.minimum}, {"maximum", key.maximum}, {"default", *value}};
  }
  Json operator()(const protocol::IncomingMode* value) const {
    return {{"type", "string"}, {"default", *value == protocol::IncomingMode::steal ? "steal" : "mirror"}};
  }
  Json operator()(const std::vector<std::string>* value) const {
    return {{"type", "array"}, {"items", {{"type", "string"}, {"minLength", 1}}}, {"default", *value}};
  }
  Json operator()(const std::vector<std::uint16_t>* value) const {
    return {{"type", "array"}, {"items", port}, {"default", *value}};
  }
  Json operator()(const std::map<std::string, std::string>* value) const {
    return {{"type", "object"},
            {"additionalProperties", {{"type", Json::array({"string", "number", "boolean"})}}},
            {"default", *value}};
  }
  Json operator()(const std::map<std::uint16_t, std::uint16_t>*) const {
    return {{"type", "object"},
            {"propertyNames", {{"pattern", "^[0-9]{1,5}$"}}},
            {"additionalProperties", port},
            {"default", Json::object()}};
  }
};

Json property(const Key& key) {
  Config defaults;
  Json property = std::visit([&](auto* field) { return Describe{key}(field); }, key.field(defaults));
  if (key.check == Check::choice) property["enum"] = key.choices;
  property["description"] = key.help;
  if (!key.field.rights.empty()) property["needsTrust"] = key.field.rights;
  return property;
}

struct SectionText {
  const char* name;
  const char* help;
};
constexpr SectionText sections[] = {
    {"agent", "The agent in the cluster."},
    {"agent.resources", "Resources of the agent's container."},
    {"files", "Which files are the pod's."},
    {"environment", "The program's environment: the pod's, with changes."},
    {"dns", "Where names are resolved."},
    {"outgoing", "Which connections leave from the pod."},
    {"incoming", "Which of the pod's traffic reaches the program."},
};

Json empty_section(const std::string& name) {
  Json section = {{"type", "object"}, {"additionalProperties", false}};
  for (const auto& text : sections)
    if (name == text.name) section["description"] = text.help;
  return section;
}

Json properties() {
  Json all = Json::object();
  for (const Key& key : keys()) {
    Json* at = &all;
    std::size_t begin = 0;
    for (auto dot = key.name.find('.'); dot != std::string::npos; dot = key.name.find('.', begin)) {
      Json& section = (*at)[key.name.substr(begin, dot - begin)];
      if (section.is_null()) section = empty_section(key.name.substr(0, dot));
      at = &section["properties"];
      begin = dot + 1;
    }
    (*at)[key.name.substr(begin)] = property(key);
  }
  return all;
}

Json cluster() {
  return {{"type", "object"},
          {"description", "The cluster session of this launch; wins over .inpod/config.yaml."},
          {"additionalProperties", false},
          {"properties", properties()}};
}

std::string default_text(const Key& key) {
  const Json value = property(key)["default"];
  if (value.is_string()) return value.get<std::string>().empty() ? "–" : "`" + value.get<std::string>() + "`";
  return value.empty() ? "–" : "`" + value.dump() + "`";
}

/// Which of a found file's values need the user's yes.
std::string trust_text(const Key& key) {
  if (key.field.rights.empty()) return "–";
  std::string text;
  for (const auto& value : key.field.rights)
    text += value == any_value ? "yes" : (text.empty() ? "`" : ", `") + value + "`";
  return text;
}

std::string row(const Key& key) {
  return "| `" + key.name + "` | " + expected_type(key) + " | " + default_text(key) + " | " +
         trust_text(key) + " | " + key.help + " | `" + key.example + "` |\n";
}

constexpr const char* table_head =
    "| key | value | default | trust | meaning | example |\n| --- | --- | --- | --- | --- | --- |\n";

constexpr const char* trust_page = R"md(## Whose file is read

A file that you name (`-f FILE`) is your word: it is read whatever it sets. If others can change it, a line says so.

A file that inpod *finds* may be anybody's. The search starts in the current directory (for a debugger: the program's, else the one the
program lies in) and goes up, but ends with your home, with the root of a repository (`.git`, `.hg`, `.jj`, `.svn`), and with the root of
a mount. The nearest file counts, and only if nobody but you and root can change it or put another one in its place:

- the file, its directory `.inpod`, every directory above it and every symbolic link on the way are yours or root's;
- others may not write to any of them, by mode or by a POSIX ACL. Exceptions: a directory with the sticky bit, as `/tmp`, and your private
  group (your primary group, of your name, with no other member), as systems with the umask 002 have it;
- it is a regular file.

Else it is not read, a line says why, and no other file is looked for. Where root runs inpod by `sudo`, files of the user who called `sudo`
are accepted too. `config.yaml` comes before `config.yml` before `config.json`; a second one is named and not read.

Relative paths in a found file (`kubeconfig`, `agent.path`) start from the folder that holds `.inpod`.

## Trust

A repository that you have just cloned is yours by owner, but not by author. So what the column *trust* marks (`yes`: every value; else the
values that stand there) needs your yes once, if it comes from a found file. Such keys choose a program to run or credentials, give the
agent or the program rights in the cluster beyond reading, or lead connections around the pod. Without a yes nothing starts, and the error
lists what is asked for.

```
inpod trust [FILE]          show what the file asks for, and ask (default: the file that would be found here)
inpod trust --yes [FILE]    without the question, for scripts
inpod trust --list          what has your yes
inpod trust --revoke FILE
```

A yes holds for this path (without symbolic links) and these contents; after a change it is asked for again. If `kubeconfig` or `agent.path`
name a file in the project's own folder, its contents count too; what these run in their turn does not. It is kept in
`${XDG_STATE_HOME:-~/.local/state}/inpod/trust`, which only you may enter.

VS Code: a trusted workspace is the yes for the files in its folders, and nothing above the folder is read. The extension says so by the flag
`--trusted-folder`, which no file of a repository can set. A launch configuration's `cluster` is the editor's word, and is not asked about.

Each start names the file and the keys that it sets: `inpod run` and the debuggers' wrappers on stderr, `inpod dap` on the debug console, `inpod session
start` by the event `config`, `inpod check` as its finding `config`.

)md";

}  // namespace

Json schema() {
  Json root = {{"$schema", "http://json-schema.org/draft-07/schema#"},
               {"title", "inpod config (.inpod/config.yaml)"}};
  root.update(cluster());
  root["description"] = "What inpod should know about a cluster session.";
  return root;
}

Json launch_schema() {
  Json root = {{"$schema", "http://json-schema.org/draft-07/schema#"},
               {"title", "inpod's attributes of a launch configuration"},
               {"type", "object"},
               {"properties", {{"cluster", cluster()}}}};
  return root;
}

/// Behind the table of the section `environment`.
constexpr const char* environment_text = R"md(
### What of the pod's environment comes through

Whoever can set a variable in the pod must not thereby run code on this machine. So a variable of the pod reaches the
program if

1. its name is of the form `[A-Za-z_][A-Za-z0-9_.-]*`, name and value are shorter than 128 KiB, and it lies within the first
   512 KiB of the environment. Nothing changes that;
2. it is not the loader's (`LD_*`) or inpod's own (`INPOD_*`). Nothing changes that either;
3. it does not belong to a machine or login: `PATH`, `HOME`, `JAVA_HOME`, `SHELL`, `LC_*`, `XDG_*`, `SSH_*`, …;
4. it does not make a shell, loader, interpreter, TLS library or tool run or read something: `BASH_ENV`, `PS4`, `GCONV_PATH`,
   `PYTHON*`, `PERL*`, `RUBY*`, `NODE_*`, `JAVA_*`, `*_OPTS`, `OPENSSL_*`, `SSL_CERT_FILE`, `GIT_*`, `GNUPGHOME`, `KUBECONFIG`,
   `EDITOR`, `MAKEFLAGS`, `GTK*`, … A tool's whole prefix is left out, so that what its next version reads is too; what is
   known to be harmless comes through (`NODE_ENV`, `PYTHONUNBUFFERED`, `*_VERSION`, `*_PORT`, the addresses that Kubernetes sets
   for services). `ENV` comes where it is a stage's name (`production`), not where it could be a shell's start-up file. The
   table is `dap-server/session/variable_policy.cpp`.

A note counts what points 1 and 4 left out. To have such a variable, name it in full: `include: ["*", JAVA_TOOL_OPTIONS]` is
all that came anyway and this one; a list without `"*"` restricts to what it names. Do that only if you trust everybody who can
change the pod: the program, and all that it starts, then runs or reads on this machine what the variable says. Often
`environment.set` with a value of your own is the better way.

Proxies (`http_proxy`, `HTTPS_PROXY`, `NO_PROXY`) come through: the connections they lead leave from the pod. So do
credentials and addresses (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, `KUBERNETES_*`), but not `AWS_CONFIG_FILE`, whose
file may name a program. No list knows what a variable means to your own program: if its settings can make it run
something, the pod can. A makefile and an MSBuild project read every variable as one of their own, so do not build in the pod's
environment; build first, then start the program.

`inpod run`, `inpod dap` and `inpod-gdb` give the pod's variables to the program alone: not to a debugger, to the shell by
which gdb starts programs, or to a terminal, and their values stand on no command line. Debuggers that an editor starts by
itself get them with the launch: CLion's own, and VS Code's for Node.js and Go. Where one of the latter has its `console` in a
terminal, VS Code types them into a shell, so values with quotes, backslashes, `!` or control characters are left out there,
and a warning names them.
)md";

std::string markdown() {
  std::string text =
      "# Configuration\n\n"
      "<!-- Made by `inpod schema --markdown` from the key table; a test keeps it in step. -->\n\n"
      "A project keeps its settings in `.inpod/config.yaml` (or `.yml`, `.json`); inpod looks in the current "
      "directory and\n"
      "those above it ([whose file is read](#whose-file-is-read), [trust](#trust)), `-f FILE` names another. "
      "A launch configuration's `\"cluster\": {…}` takes the same "
      "keys and wins over\n"
      "the file; flags win over both: the key `agent.lease_seconds` is the flag `--agent-lease-seconds`. "
      "Lists and single\n"
      "values replace what stood there, maps are merged. Unknown keys are errors.\n\n"
      "```yaml\n"
      "target: deployment/checkout\n"
      "namespace: shop\n"
      "incoming:\n"
      "  mode: steal\n"
      "files:\n"
      "  write: [/var/lib/app/**]\n"
      "environment:\n"
      "  set: {LOG_LEVEL: debug}\n"
      "```\n\n"
      "`inpod schema` prints the JSON schema; editors with a YAML language server complete keys when the "
      "file starts with\n"
      "`# yaml-language-server: $schema=PATH`.\n\n";
  text += trust_page;
  text += "## Session\n\n";
  text += table_head;
  std::string section;
  for (const Key& key : keys()) {
    const auto dot = key.name.find('.');
    const std::string name = dot == std::string::npos ? "" : key.name.substr(0, dot);
    if (name != section) {
      if (section == "environment") text += environment_text;
      section = name;
      text += "\n## `" + name + "`\n\n";
      for (const auto& candidate : sections) {
        if (name == candidate.name) text += std::string(candidate.help) + "\n\n";
      }
      text += table_head;
    }
    text += row(key);
  }
  return text;
}

}  // namespace inpod::config
