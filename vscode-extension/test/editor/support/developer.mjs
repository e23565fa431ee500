// A developer: an ordinary user without a name on this machine, with a home, a runtime folder and a copy of the kubeconfig.
// code-server, and with it the extension, `inpod`, debuggers and debuggees, run as this user. The uid is drawn anew for
// each test file, so whatever still runs as it in the end was left behind by that file.
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processesOf } from './processes.mjs';
import { eventually } from './wait.mjs';

export class Developer {
  constructor() {
    // Who has a cluster of their own may run the tests without being root; then the developer is who runs them.
    this.own = process.getuid() !== 0;
    this.uid = this.own ? process.getuid() : randomInt(30_000, 60_000);
    this.home = mkdtempSync('/tmp/inpod-editor-');
    this.#give(this.home);
    this.mkdir('run', 0o700);
    this.kubeconfig = this.path('.kube/config');
    this.environment = {
      HOME: this.home,
      KUBECONFIG: this.kubeconfig,
      XDG_RUNTIME_DIR: join(this.home, 'run'),
      USER: 'dev',
      SHELL: '/bin/sh',
      LANG: 'C.UTF-8',
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    };
  }

  path(...names) {
    return join(this.home, ...names);
  }

  mkdir(name, mode = 0o755) {
    const path = this.path(name);
    if (mkdirSync(path, { recursive: true, mode })) this.#giveFrom(path);
    return path;
  }

  /** A file in the home that belongs to the developer; returns its path. */
  write(name, text, mode = 0o644) {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    this.#giveFrom(path);
    return path;
  }

  delete(name) {
    rmSync(this.path(name));
  }

  useKubeconfig(config) {
    this.write('.kube/config', typeof config === 'string' ? config : JSON.stringify(config, null, 2), 0o600);
  }

  copy(from, name) {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(from, path);
    this.#giveFrom(path);
    return path;
  }

  read(name) {
    return readFileSync(this.path(name), 'utf8');
  }

  /** Options with which node:child_process starts something as the developer. */
  spawnOptions(cwd = this.home) {
    return { cwd, env: this.environment, ...(this.own ? {} : { uid: this.uid, gid: this.uid }) };
  }

  /** Standard output of a program that runs as the developer. */
  run(program, args, input = '') {
    return execFileSync(program, args, { ...this.spawnOptions(), input, encoding: 'utf8', timeout: 180_000 });
  }

  /** What runs as the developer. Not known where the developer is who runs the tests. */
  processes() {
    return this.own ? [] : processesOf(this.uid);
  }

  /** Removes the home. Throws if something still ran as the developer, having ended it. */
  async remove() {
    let left;
    try {
      await eventually('no process of the developer runs', () => this.processes().length === 0, 15_000);
    } catch {
      left = this.processes();
      for (const { pid } of left) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
    }
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
    if (left?.length) throw new Error(`left running: ${JSON.stringify(left)}`);
  }

  #give(path) {
    if (!this.own) chownSync(path, this.uid, this.uid);
  }

  #giveFrom(path) {
    for (let at = path; at !== this.home; at = dirname(at)) this.#give(at);
  }
}
