// The cluster's side of a test: a namespace of its own with a service, its config and a client pod, and questions about
// what inpod has there. kubectl acts with the kubeconfig that tests/cluster/run-in gives, as the cluster's admin.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { eventually } from './wait.mjs';

/** kubectl's standard output; throws with its complaint if it fails. */
export function kubectl(args, { input, bound = 60_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile('kubectl', args, { timeout: bound, maxBuffer: 1 << 24 }, (error, out, err) =>
      error ? reject(new Error(`kubectl ${args.join(' ')}: ${err || error.message}`)) : resolve(out),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

const manifest = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

// A request stands as long as the program that should answer does; when the test fails meanwhile, nobody awaits it any more.
function awaitedLater(promise) {
  promise.catch(() => {});
  return promise;
}

export class Shop {
  /** Makes the namespace and waits until its service answers its client. */
  static async open() {
    const shop = new Shop(`shop-${randomBytes(2).toString('hex')}`);
    await kubectl(['create', 'namespace', shop.namespace]);
    await shop.kubectl([
      'create',
      'configmap',
      'server',
      `--from-file=server.py=${new URL('server.py', import.meta.url).pathname}`,
    ]);
    // The namespace's service account comes a moment after it; without it, pods are refused.
    await eventually('the default service account', () => shop.kubectl(['get', 'serviceaccount', 'default']));
    await shop.apply(manifest('shop.yaml'));
    await shop.kubectl(['wait', '--for=condition=Ready', 'pod/client', '--timeout=60s'], { bound: 70_000 });
    await shop.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'], { bound: 70_000 });
    await shop.answeredByPod();
    return shop;
  }

  constructor(namespace) {
    this.namespace = namespace;
  }

  kubectl(args, options) {
    return kubectl(['-n', this.namespace, ...args], options);
  }

  apply(text) {
    return this.kubectl(['apply', '-f', '-'], { input: text });
  }

  /** More targets of other kinds, for a list that looks like a real one. */
  async addNeighbours() {
    await this.apply(manifest('neighbours.yaml'));
    await this.kubectl(['rollout', 'status', 'deployment/cart', '--timeout=60s'], { bound: 70_000 });
  }

  /** What the client pod gets from the service. */
  request(path = '/', bound = 30) {
    return awaitedLater(
      this.kubectl(['exec', 'client', '--', 'curl', '-sS', '-m', String(bound), `http://web${path}`]),
    );
  }

  /** Asks until the answer comes from the program on the developer's machine, and returns that. */
  requestToProgram(path, language = 'c++') {
    const asked = eventually(
      `the program answers ${path}`,
      async () => {
        const answer = await this.request(path);
        return answer.startsWith(`by ${language} `) && answer;
      },
      60_000,
    );
    return awaitedLater(asked);
  }

  answeredByPod(bound = 60_000) {
    return eventually(
      'the pod itself answers',
      async () => (await this.request('/who')).includes('"by": "pod"'),
      bound,
    );
  }

  async podName() {
    return this.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}']);
  }

  async podIp(pod) {
    return this.kubectl(['get', 'pod', pod, '-o', 'jsonpath={.status.podIP}']);
  }

  /** Names of the agents' jobs and pods in this namespace, without those that are being deleted. */
  async agents() {
    const list = JSON.parse(
      await this.kubectl(['get', 'jobs,pods', '-l', 'app.kubernetes.io/managed-by=inpod', '-o', 'json']),
    );
    return list.items
      .filter((item) => !item.metadata.deletionTimestamp)
      .map((item) => `${item.kind}/${item.metadata.name}`);
  }

  noAgent(bound = 60_000) {
    return eventually('no agent is in the cluster', async () => (await this.agents()).length === 0, bound);
  }

  /** The admin's kubeconfig with this namespace as its context's, as a developer of the shop would have it. */
  async kubeconfig() {
    const config = JSON.parse(await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']));
    config.contexts[0].context.namespace = this.namespace;
    return config;
  }

  /** A kubeconfig whose user may do only what these rules (YAML of a Role) say; returns its text. */
  async limitedKubeconfig(name, rules) {
    const metadata = `metadata: {name: ${name}}`;
    await this.apply(
      [
        `apiVersion: v1\nkind: ServiceAccount\n${metadata}\n`,
        `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n${metadata}\nrules:\n${rules}`,
        `apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n${metadata}\n` +
          `roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name}}\n` +
          `subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${this.namespace}}]\n`,
      ].join('---\n'),
    );
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { name: `${name}-token`, annotations: { 'kubernetes.io/service-account.name': name } },
    };
    await this.apply(JSON.stringify(secret));
    const token = await eventually('the service account has a token', async () =>
      Buffer.from(
        await this.kubectl(['get', 'secret', `${name}-token`, '-o', 'jsonpath={.data.token}']),
        'base64',
      ).toString(),
    );
    const config = await this.kubeconfig();
    config.users = [{ name, user: { token } }];
    config.contexts[0].context.user = name;
    return JSON.stringify(config, null, 2);
  }

  close() {
    return kubectl(['delete', 'namespace', this.namespace, '--wait=false']);
  }
}
