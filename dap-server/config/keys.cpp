// The rows of the key table, in the order in which the docs show them.
#include "config/keys.hpp"

#include <algorithm>

namespace inpod::config {
namespace {

/// A row's accessor: FIELD(dns.enabled) gives the function that points at config.dns.enabled.
#define FIELD(member)                                          \
  {                                                            \
    [](Config& config) -> Field { return &config.member; }, {} \
  }
/// The same for a key whose values, all or these, need a yes.
#define RIGHT(member, ...)                                    \
  {                                                           \
    [](Config& config) -> Field { return &config.member; }, { \
      __VA_ARGS__                                             \
    }                                                         \
  }

const std::vector<Key>& table() {
  static const std::vector<Key> rows = {
      {"target", FIELD(target),
       "What to run in: `pod/NAME`, `deployment/NAME`, `statefulset/NAME`, `daemonset/NAME`, "
       "`replicaset/NAME`, `job/NAME`, "
       "`cronjob/NAME`, `rollout/NAME`, `service/NAME`, `label:KEY=VALUE`, `local:PID` (the namespaces of a "
       "process on this "
       "machine) or `targetless`. `/container/NAME` may follow.",
       "deployment/checkout/container/app"},
      {"namespace", FIELD(namespace_), "Kubernetes namespace of the target. Default: the context's.", "shop",
       Check::label},
      {"context", RIGHT(context, any_value), "Context of the kubeconfig. Default: its current one.",
       "staging"},
      {"kubeconfig", RIGHT(kubeconfig, any_value),
       "Path of the kubeconfig. Default: `$KUBECONFIG`, else `~/.kube/config`.", "~/.kube/staging",
       Check::path},
      {"interception",
       RIGHT(interception, "none"),
       "How calls are intercepted: `preload` for programs that use glibc dynamically; `auto` looks at the "
       "executable. "
       "`syscalls`, for static, Go and musl programs, is not in this version. `none`: not at all; such a "
       "program gets the pod's "
       "environment, while its files, names and connections are this machine's.",
       "preload",
       Check::choice,
       {"auto", "preload", "syscalls", "none"}},
      {"hostname", FIELD(hostname), "Whether the program sees the pod's host name and network interfaces.",
       "false"},

      {"agent.mode",
       RIGHT(agent.mode, any_value),
       "`job`: a Job's pod on the target's node; `ephemeral`: a container added to the target's pod, where "
       "the cluster forbids "
       "`hostPID`.",
       "ephemeral",
       Check::choice,
       {"job", "ephemeral"}},
      {"agent.image", RIGHT(agent.image, any_value),
       "An image that holds `inpod-agent`. Default: the target's own image, into which inpod streams its "
       "agent; no registry is "
       "needed.",
       "registry.example.com/inpod-agent:0.1"},
      {"agent.bootstrap_image", RIGHT(agent.bootstrap_image, any_value),
       "The image that the agent's pod is made of, instead of the target's own: for `targetless`, which has "
       "none. Its own shell runs only in `agent.mode: ephemeral` and where you may not make ConfigMaps: "
       "there it starts the agent.",
       "busybox:1.36"},
      {"agent.namespace", RIGHT(agent.namespace_, any_value),
       "Namespace of the agent's Job. Default: the target's.", "dev-tools", Check::label},
      {"agent.lease_seconds",
       RIGHT(agent.lease_seconds, any_value),
       "How long the agent waits for the next launch before it deletes itself.",
       "600",
       Check::range,
       {},
       0,
       86400},
      {"agent.startup_seconds",
       RIGHT(agent.startup_seconds, any_value),
       "How long to wait for the agent to start.",
       "120",
       Check::range,
       {},
       1,
       3600},
      {"agent.privileged", RIGHT(agent.privileged, any_value),
       "Run the agent as a privileged container instead of with single capabilities.", "true"},
      {"agent.path", RIGHT(agent.path, any_value),
       "The `inpod-agent` executable to use. Default: the one beside `inpod`.",
       "/opt/inpod/lib/inpod/inpod-agent", Check::path},
      {"agent.labels", RIGHT(agent.labels, any_value), "Labels for the agent's pod.", "{team: shop}"},
      {"agent.annotations", RIGHT(agent.annotations, any_value), "Annotations for the agent's pod.",
       "{sidecar.istio.io/inject: \"false\"}"},
      {"agent.node_selector", RIGHT(agent.node_selector, any_value),
       "Node selector of a `targetless` agent's pod.", "{kubernetes.io/arch: amd64}"},

      {"agent.resources.requests", RIGHT(agent.requests, any_value),
       "What the agent's container asks for, by resource. An empty quantity leaves a resource out. Not for "
       "`ephemeral`, whose containers have none.",
       "{cpu: 50m, memory: 64Mi}"},
      {"agent.resources.limits", RIGHT(agent.limits, any_value),
       "What the agent's container gets at most. Quotas and LimitRanges may want other values.",
       "{cpu: \"1\", memory: 512Mi}"},
      {"agent.tolerations", RIGHT(agent.tolerations, any_value),
       "The taints that the agent's pod tolerates, each as `KEY[=VALUE][:EFFECT]`. Default: every taint, as "
       "it "
       "must run where the target does.",
       "[\"dedicated=shop:NoSchedule\"]"},
      {"agent.priority_class", RIGHT(agent.priority_class, any_value), "Priority class of the agent's pod.",
       "dev-tools"},
      {"agent.image_pull_secrets", RIGHT(agent.image_pull_secrets, any_value),
       "Secrets of the agent's namespace to pull its image with. The target's own are taken where the agent "
       "is "
       "in the target's namespace.",
       "[registry-login]"},
      {"agent.seccomp_profile", RIGHT(agent.seccomp_profile, any_value),
       "Type of the seccomp profile of the agent's container, where an admission policy wants one. Default: "
       "the "
       "cluster's. The agent filters its own system calls anyway.",
       "RuntimeDefault"},

      {"files.mode",
       RIGHT(files.mode, "write"),
       "Where files are that no list names: `read`: the pod's, and writing fails; `write`: the pod's, and "
       "writing reaches them; "
       "`local`: this machine's. The program, its libraries and sources, `/dev`, `/proc`, `/sys`, `/tmp`, "
       "the home and the "
       "current directory are local in every mode unless a list names them.",
       "local",
       Check::choice,
       {"read", "write", "local"}},
      {"files.absent", FIELD(files.absent),
       "Paths that exist nowhere for the program. Globs: `*` within a segment, `**` across, `?`, `[…]`.",
       "[/etc/app/override.yaml]", Check::path_glob},
      {"files.local", FIELD(files.local), "Paths of this machine.", "[/opt/tools/**]", Check::path_glob},
      {"files.write", RIGHT(files.write, any_value), "Paths of the pod, for reading and writing.",
       "[/var/lib/app/**]", Check::path_glob},
      {"files.read", FIELD(files.read),
       "Paths of the pod, read-only. Precedence: absent, local, write, read.", "[/etc/app/**]",
       Check::path_glob},
      {"files.map", FIELD(files.map),
       "A path under the first prefix is looked up under the second in the pod.",
       "{/home/me/app/config: /etc/app}", Check::prefix},

      {"environment.include", RIGHT(environment.include, any_value),
       "The pod's variables that the program gets. A glob brings an application's own variables; one that "
       "belongs to a machine (`PATH`, `HOME`, …) or makes programs run or read something (`BASH_ENV`, "
       "`JAVA_TOOL_OPTIONS`, …) comes only if it is named in full. Default: `[\"*\"]`.",
       "[\"*\", JAVA_TOOL_OPTIONS]", Check::name_glob},
      {"environment.exclude", FIELD(environment.exclude),
       "Globs of the pod's variables that the program does not get.", "[\"*_TOKEN\"]", Check::name_glob},
      {"environment.set", RIGHT(environment.set, any_value), "Variables to set; they win over the pod's.",
       "{LOG_LEVEL: debug}", Check::variable},
      {"environment.unset", FIELD(environment.unset), "Variables to remove.", "[HTTP_PROXY]",
       Check::variable},

      {"dns.enabled", FIELD(dns.enabled), "Whether names are resolved in the pod.", "false"},
      {"dns.local", FIELD(dns.local), "Globs of names that are resolved on this machine.",
       "[\"*.corp.example\"]", Check::name_glob},

      {"outgoing.tcp", RIGHT(outgoing.tcp, "false"), "Whether TCP connections leave from the pod.", "false"},
      {"outgoing.udp", RIGHT(outgoing.udp, "false"), "Whether UDP leaves from the pod.", "false"},
      {"outgoing.unix_sockets", RIGHT(outgoing.unix_sockets, "true"),
       "Whether unix sockets that `outgoing.remote_unix` does not name are the pod's, too.", "true"},
      {"outgoing.local", RIGHT(outgoing.local, any_value),
       "Networks, with ports if wanted, that are reached from this machine.",
       "[10.8.0.0/16, \"192.168.1.5:8000-8999\"]", Check::network},
      {"outgoing.loopback_ports", FIELD(outgoing.loopback_ports),
       "Ports of `127.0.0.1` and `::1` that are the pod's: those of its side-cars. The others are this "
       "machine's.",
       "[3500, 15000]"},
      {"outgoing.remote_unix", RIGHT(outgoing.remote_unix, any_value),
       "Globs of unix socket paths that are the pod's.", "[/var/run/app.sock]", Check::unix_glob},

      {"incoming.mode",
       RIGHT(incoming.mode, "steal"),
       "`mirror`: the program gets a copy of the pod's traffic and the pod goes on serving; `steal`: the "
       "program answers "
       "instead of the pod.",
       "steal",
       Check::choice,
       {"mirror", "steal"}},
      {"incoming.enabled", FIELD(incoming.enabled), "Whether the program gets any of the pod's traffic.",
       "false"},
      {"incoming.ports", FIELD(incoming.ports),
       "Only these ports of the program. Default: every port it listens on.", "[8080]"},
      {"incoming.ignore_ports", FIELD(incoming.ignore_ports),
       "Ports of the program that stay on this machine.", "[9229]"},
      {"incoming.map", FIELD(incoming.map), "The program's port: the pod's port.", "{3000: 80}"},
      {"incoming.own", FIELD(incoming.own),
       "With `steal`: also the connections that the target's own container opens to its ports. Its `exec` "
       "checks may be among them: a breakpoint can then get it restarted.",
       "true"},
  };
  return rows;
}
#undef FIELD
#undef RIGHT

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

std::string join(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

}  // namespace

std::span<const Key> keys() {
  return table();
}

const Key* find_key(const std::string& name) {
  const auto row =
      std::find_if(table().begin(), table().end(), [&](const Key& key) { return key.name == name; });
  return row == table().end() ? nullptr : &*row;
}

std::string expected_type(const Key& key) {
  if (key.check == Check::choice) return join(key.choices, " or ");
  Config config;
  return std::visit(
      Overload{
          [](std::string*) -> std::string { return "text"; },
          [](bool*) -> std::string { return "true or false"; },
          [&](std::uint32_t*) {
            return "a whole number from " + std::to_string(key.minimum) + " to " +
                   std::to_string(key.maximum);
          },
          [&](protocol::IncomingMode*) { return join(key.choices, " or "); },
          [](std::vector<std::string>*) -> std::string { return "a list of text"; },
          [](std::vector<std::uint16_t>*) -> std::string { return "a list of ports (1 to 65535)"; },
          [](std::map<std::string, std::string>*) -> std::string { return "a map of text to text"; },
          [](std::map<std::uint16_t, std::uint16_t>*) -> std::string {
            return "a map of port to port (1 to 65535)";
          },
      },
      key.field(config));
}

}  // namespace inpod::config
