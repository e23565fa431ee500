// The namespace, the developer and the client of the end-to-end tests; see cluster.hpp.
#include "cluster.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <stdexcept>

namespace inpod::test {

const std::string binaries = INPOD_TEST_BINARIES;
const std::string sources = INPOD_TEST_SOURCES;

namespace {

// The pod's own service: says that the pod answered and what it got, and logs each request. /data/… is that
// file.
const char* const server = R"py(
import hashlib, http.server, json, os, shutil, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        if self.path.startswith("/data/") and os.path.isfile(self.path):
            return self.send_file()
        digest, left = hashlib.sha256(), int(self.headers.get("Content-Length", 0))
        got = 0
        while got < left:
            part = self.rfile.read(min(left - got, 65536))
            if not part:
                return
            digest.update(part)
            got += len(part)
        body = json.dumps({"by": "pod", "path": self.path, "got": got, "sha256": digest.hexdigest()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def send_file(self):
        self.send_response(200)
        self.send_header("Content-Length", str(os.path.getsize(self.path)))
        self.end_headers()
        with open(self.path, "rb") as file:
            shutil.copyfileobj(file, self.wfile)
    do_GET = do_POST = answer
    def log_message(self, form, *values):
        print("pod saw", self.path, self.headers.get("User-Agent", ""), flush=True)
http.server.ThreadingHTTPServer.request_queue_size = 64
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
)py";

const char* const manifest = R"yaml(
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data:
  config.yaml: "greeting: grüß dich from the pod\ncolor: teal\n"
  redis.conf: "port 6379\nsave \"\"\nprotected-mode no\n"
---
apiVersion: v1
kind: Secret
metadata: {name: web-secret}
stringData: {password: "s3cret-of-the-pod"}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: redis}
spec: {selector: {app: web}, ports: [{port: 6379}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {selector: {app: client}, ports: [{port: 80, targetPort: 8081}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: app
        image: docker.io/local/web:1
        imagePullPolicy: Never
        command: ["python3", "/app/server.py"]
        env:
        - {name: APP_COLOR, value: teal}
        - {name: APP_WORDS, value: "two words, ünïcode"}
        ports: [{containerPort: 8080, name: http}]
        startupProbe: {httpGet: {path: /startz, port: http}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 100}
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 2}
        livenessProbe: {httpGet: {path: /livez, port: 8080}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 3}
        volumeMounts:
        - {name: config, mountPath: /etc/web}
        - {name: secret, mountPath: /run/secrets/web}
        - {name: app, mountPath: /app}
        - {name: data, mountPath: /data}
      volumes:
      - {name: config, configMap: {name: web-config}}
      - {name: secret, secret: {secretName: web-secret}}
      - {name: app, configMap: {name: server}}
      - {name: data, emptyDir: {}}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: client, image: docker.io/local/web:1, imagePullPolicy: Never, command: ["sh", "-c", "httpd -p 8081 -h /srv; nc -ll -p 5000 -e sleep 1000 & sleep 100000"]}
)yaml";

void must(const Outcome& outcome, const std::string& what) {
  if (outcome.status != 0) throw std::runtime_error(what + ": " + outcome.out + outcome.err);
}

std::string random_name() {
  std::random_device device;
  return "inpod-e2e-" + std::to_string(device() % 1000000);
}

}  // namespace

Outcome kubectl(std::vector<std::string> arguments, const std::string& input, milliseconds bound) {
  arguments.insert(arguments.begin(), "kubectl");
  ProcessOptions options;
  options.input = input;
  return test::run(std::move(arguments), options, bound);
}

Developer::Developer(uid_t uid) : uid_(uid) {
  const char* config = getenv("KUBECONFIG");
  if (!config) throw std::runtime_error("KUBECONFIG is not set: start this test by tests/cluster/run-in");
  if (chown(home_.path().c_str(), uid, uid) != 0)
    throw std::runtime_error("chown: run the cluster tests as root");
  kubeconfig_ = write("kube.config", read_file(config), 0600);
  write("run/.keep", "", 0600);
  chmod((home_.path() + "/run").c_str(), 0700);
}

std::string Developer::write(const std::string& name, const std::string& text, unsigned mode) const {
  const std::string path = home_.write(name, text, mode);
  for (std::string at = path; at != home_.path(); at = at.substr(0, at.rfind('/')))
    if (chown(at.c_str(), uid_, uid_) != 0) throw std::runtime_error("chown " + at);
  return path;
}

ProcessOptions Developer::options() const {
  ProcessOptions options;
  options.uid = uid_;
  options.directory = home();
  options.environment = {{"HOME", home()},
                         {"KUBECONFIG", kubeconfig_},
                         {"XDG_RUNTIME_DIR", home() + "/run"},
                         {"XDG_STATE_HOME", home() + "/state"},
                         {"USER", "dev" + std::to_string(uid_)},
                         {"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}};
  return options;
}

std::unique_ptr<Process> Developer::inpod(std::vector<std::string> arguments, ProcessOptions options) const {
  arguments.insert(arguments.begin(), binaries + "/inpod");
  return std::make_unique<Process>(std::move(arguments), std::move(options));
}

Outcome Developer::run(std::vector<std::string> arguments, milliseconds bound) const {
  return inpod(std::move(arguments))->wait(bound);
}

std::vector<std::string> Developer::dap_command(const std::vector<std::string>& adapter,
                                                const ProcessOptions& options) const {
  std::vector<std::string> command{"setpriv",
                                   "--reuid",
                                   std::to_string(options.uid),
                                   "--regid",
                                   std::to_string(options.uid),
                                   "--clear-groups",
                                   "env",
                                   "-C",
                                   options.directory};
  for (const auto& name : options.unset) command.insert(command.end(), {"-u", name});
  for (const auto& [name, value] : options.environment) command.push_back(name + "=" + value);
  command.insert(command.end(), {binaries + "/inpod", "dap"});
  if (!adapter.empty()) command.push_back("--");
  command.insert(command.end(), adapter.begin(), adapter.end());
  return command;
}

std::string Developer::kubeconfig_with(const std::string& name,
                                       const std::vector<std::vector<std::string>>& changes) const {
  const std::string path = write(name, read_file(kubeconfig_), 0600);
  for (const auto& change : changes) {
    std::vector<std::string> command{"kubectl", "--kubeconfig", path, "config"};
    command.insert(command.end(), change.begin(), change.end());
    must(test::run(command), "kubectl config " + change[0]);
  }
  if (chown(path.c_str(), uid_, uid_) != 0) throw std::runtime_error("chown " + path);
  return path;
}

std::string Developer::limited_kubeconfig(const std::string& name_space, const std::string& name,
                                          const std::string& rules) const {
  apply_yaml(
      name_space,
      "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: " + name +
          "}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: " + name +
          "}\nrules:\n" + rules +
          "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: " + name +
          "}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: " + name +
          "}\nsubjects: [{kind: ServiceAccount, name: " + name + ", namespace: " + name_space + "}]\n");
  // As `kubectl create token` of newer kubectls does: secrets with tokens are no longer made by themselves.
  const auto answer =
      kubectl({"create", "--raw", "/api/v1/namespaces/" + name_space + "/serviceaccounts/" + name + "/token",
               "-f", "-"},
              R"({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})");
  must(answer, "token of " + name);
  const std::string key = "\"token\":\"";
  const auto at = answer.out.find(key);
  if (at == std::string::npos) throw std::runtime_error("no token in " + answer.out);
  const auto begin = at + key.size();
  const std::string token = answer.out.substr(begin, answer.out.find('"', begin) - begin);
  return kubeconfig_with("limited-" + name + ".conf", {{"set-credentials", "limited", "--token=" + token},
                                                       {"set-context", "--current", "--user=limited"}});
}

Shop& Shop::instance() {
  static Shop shop;
  return shop;
}

Shop::Shop() : name_(random_name()) {
  must(kubectl({"create", "namespace", name_}), "namespace");
  const std::string n = "-n" + name_;
  TemporaryDirectory folder;
  const std::string script = folder.write("server.py", server);
  must(kubectl({n, "create", "configmap", "server", "--from-file", script}), "server");
  // The namespace's service account comes a moment after it; without it, pods are refused.
  const bool ready = eventually(seconds(30), [&] {
    return kubectl({n, "get", "serviceaccount", "default"}).status == 0;
  });
  if (!ready) throw std::runtime_error("no default service account");
  must(kubectl({n, "apply", "-f", "-"}, manifest), "manifest");
  must(kubectl({n, "wait", "--for=condition=Ready", "pod/client", "--timeout=60s"}, {}, seconds(70)),
       "client pod");
  must(kubectl({n, "rollout", "status", "deployment/web", "--timeout=60s"}, {}, seconds(70)), "deployment");
  if (!answered_by_pod(seconds(30)))
    throw std::runtime_error("the service does not answer: " + curl("http://web/").err);
}

Shop::~Shop() {
  kubectl({"delete", "namespace", name_, "--wait=false"});
}

std::string Shop::pod() const {
  return kubectl({"-n", name_, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"})
      .out;
}
std::string Shop::pod_ip() const {
  return kubectl({"-n", name_, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}"})
      .out;
}

bool Shop::is_here() const {
  return !processes_of(containers_of(name_, "app=web")).empty();
}

std::string Shop::client_ip() const {
  return kubectl({"-n", name_, "get", "pod", "client", "-o", "jsonpath={.status.podIP}"}).out;
}

Outcome Shop::in_client(std::vector<std::string> command, const std::string& input,
                        milliseconds bound) const {
  std::vector<std::string> arguments{"-n", name_, "exec", "client"};
  if (!input.empty()) arguments.push_back("-i");
  arguments.push_back("--");
  arguments.insert(arguments.end(), command.begin(), command.end());
  return kubectl(arguments, input, bound);
}
Outcome Shop::in_pod(std::vector<std::string> command) const {
  std::vector<std::string> arguments{"-n", name_, "exec", "deployment/web", "--"};
  arguments.insert(arguments.end(), command.begin(), command.end());
  return kubectl(arguments);
}

Outcome Shop::curl(const std::string& url, std::vector<std::string> arguments) const {
  std::vector<std::string> command{"curl", "-sS", "-m", "20"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.push_back(url);
  return in_client(command);
}

bool Shop::answered_by(const std::string& whom, milliseconds bound) const {
  // A request that a cut holds up must not use up the whole bound: the last -m counts.
  return eventually(bound, [&] {
    return curl("http://web/who", {"-m", "2"}).out.find(whom) != std::string::npos;
  });
}
bool Shop::answered_by_pod(milliseconds bound) const {
  return answered_by("\"by\": \"pod\"", bound);
}

void Shop::make_bare_pod() const {
  apply_yaml(name_,
             "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec:\n  terminationGracePeriodSeconds: 0\n"
             "  containers: [{name: bare, image: docker.io/local/noshell:1, imagePullPolicy: Never}]\n");
  must(kubectl({"-n", name_, "wait", "--for=condition=Ready", "pod/bare", "--timeout=60s"}, {}, seconds(70)),
       "pod/bare");
}

int Shop::restarts() const {
  const auto text = kubectl({"-n", name_, "get", "pods", "-l", "app=web", "-o",
                             "jsonpath={.items[0].status.containerStatuses[0].restartCount}"});
  return std::stoi("0" + text.out);
}
bool Shop::ready() const {
  return kubectl({"-n", name_, "get", "pods", "-l", "app=web", "-o",
                  "jsonpath={.items[0].status.containerStatuses[0].ready}"})
             .out == "true";
}

void apply_yaml(const std::string& name_space, const std::string& yaml) {
  must(kubectl({"-n", name_space, "apply", "-f", "-"}, yaml), "apply");
}

std::string agents(const std::string& name_space, const std::string& kind,
                   const std::vector<std::string>& more) {
  std::vector<std::string> arguments{
      "-n", name_space, "get", kind, "-l", "app.kubernetes.io/managed-by=inpod", "-o", "name"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return kubectl(arguments).out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::vector<nlohmann::json> values;
  for (const auto& line : lines_of(text)) values.push_back(nlohmann::json::parse(line));
  return values;
}

std::vector<std::string> containers_of(const std::string& name_space, const std::string& selector) {
  const auto found =
      kubectl({"-n", name_space, "get", "pods", "-l", selector, "-o",
               "jsonpath={range .items[*].status.containerStatuses[*]}{.containerID}{\"\\n\"}{end}"});
  std::vector<std::string> ids;
  for (const auto& line : lines_of(found.out))
    if (line.find("//") != std::string::npos) ids.push_back(line.substr(line.rfind('/') + 1));
  return ids;
}

std::vector<pid_t> processes_of(const std::vector<std::string>& container_ids) {
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string cgroup = read_file(entry.path().string() + "/cgroup");
    for (const auto& id : container_ids)
      if (cgroup.find(id) != std::string::npos) pids.push_back(std::stoi(name));
  }
  return pids;
}

PodNetwork::PodNetwork() {
  const auto pids = processes_of(containers_of(Shop::instance().name_space(), "app=web"));
  if (pids.empty()) throw std::runtime_error("the service's process is not on this machine");
  pid_ = std::to_string(pids.front());
}

bool PodNetwork::has_rules() const {
  const auto rules = test::run({"nsenter", "-t", pid_, "-n", "nft", "list", "ruleset"});
  must(rules, "nft list ruleset");
  return rules.out.find("inpod") != std::string::npos;
}

}  // namespace inpod::test
