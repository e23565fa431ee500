// A session for a debugger that VS Code starts by itself: `inpod session start`, a child that lives as long as the session
// and ends with its stdin. It tells its progress, then the environment, then events, as JSON lines; requests go to it as
// JSON lines on stdin and are answered by lines of type "response".

import { spawn, type ChildProcess } from 'node:child_process';
import { ours, type SessionEnvironment } from './environment';
import { Cancelled, errorFromOutput, InpodError, sessionEnded } from './errors';
import { cannotStart, end, listenToErrors, type Cancellation } from './inpod';
import { JsonLines, number, objectOf, text, texts, type JsonObject } from './json';

export interface StartOptions {
  inpod: string;
  /** Global flags, such as -v. */
  flags: string[];
  /** trustFlags of the folder. */
  trust: string[];
  /** None where the layer is not to be loaded: `interception: none`. */
  program: string | undefined;
  /** As the key `cluster` has it; a file's keys are read by `inpod` itself, in `cwd` and above. */
  cluster: JsonObject;
  cwd: string;
  progress: (stage: string, what: string) => void;
  event: (event: JsonObject) => void;
  log: (line: string) => void;
  cancel: Cancellation;
}

interface Waiting {
  resolve: (body: JsonObject) => void;
  reject: (error: Error) => void;
}

export class EnvironmentSession {
  readonly environment: SessionEnvironment;
  private readonly waiting = new Map<number, Waiting>();
  private nextRequest = 1;

  private constructor(
    private readonly child: ChildProcess,
    readonly description: JsonObject,
    cluster: JsonObject,
  ) {
    const env = Object.entries(objectOf(description['env']));
    const given = Object.fromEntries(env.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
    const own = ownVariables(cluster);
    this.environment = {
      env: { ...given, ...own, ...ours(given) },
      unset: texts(description, 'unset').filter((name) => !(name in own)),
    };
  }

  static start(options: StartOptions): Promise<EnvironmentSession> {
    return new Promise((resolve, reject) => {
      if (options.cancel.isCancellationRequested) {
        reject(new Cancelled());
        return;
      }
      const child = spawn(options.inpod, startArguments(options), {
        cwd: options.cwd,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let session: EnvironmentSession | undefined;
      let failure: InpodError | undefined;
      const stderr = listenToErrors(child, options.log);
      const cancelling = options.cancel.onCancellationRequested(() => {
        if (session === undefined) end(child);
      });
      const lines = new JsonLines((line) => {
        if (line['type'] === 'progress') options.progress(text(line, 'stage'), text(line, 'text'));
        else if (line['type'] === 'event') options.event(line);
        else if (line['type'] === 'response') session?.answer(line);
        else if (line['type'] === 'error') failure = new InpodError(text(line, 'text'), text(line, 'remedy'));
        else if (line['type'] === 'ready' && session === undefined && !options.cancel.isCancellationRequested) {
          session = new EnvironmentSession(child, line, options.cluster);
          resolve(session);
        }
      }, options.log);
      child.stdin.on('error', () => undefined); // it has ended, which 'close' tells
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => lines.push(chunk));
      child.once('error', (error) => reject(cannotStart(options.inpod, error)));
      child.once('close', (code) => {
        cancelling.dispose();
        lines.end();
        session?.closed();
        options.event({ event: 'session', state: 'ended' });
        if (options.cancel.isCancellationRequested) reject(new Cancelled());
        else reject(failure ?? errorFromOutput(stderr(), `inpod session start ended with exit code ${code ?? 125}`));
      });
    });
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  request(name: string, args: JsonObject): Promise<JsonObject> {
    const id = this.nextRequest++;
    return new Promise((resolve, reject) => {
      if (this.ended || this.child.stdin?.writable !== true) {
        reject(sessionEnded());
        return;
      }
      this.waiting.set(id, { resolve, reject });
      this.child.stdin.write(`${JSON.stringify({ id, request: name, arguments: args })}\n`);
    });
  }

  /** The pod gets its traffic back; the agent stays for its lease. */
  stop(): void {
    end(this.child);
  }

  private answer(line: JsonObject): void {
    const id = number(line, 'id');
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (line['success'] === true) waiting?.resolve(objectOf(line['body']));
    else waiting?.reject(new InpodError(text(line, 'text') || 'inpod refused the request', text(line, 'remedy')));
  }

  private closed(): void {
    for (const { reject } of this.waiting.values()) reject(sessionEnded());
    this.waiting.clear();
  }
}

/** `cluster` becomes flags: `incoming.mode` is --incoming-mode; lists and maps give the flag once for each item. Values of
 * variables are no business of other users of this machine, so they do not go into a command line: see `ownVariables`. */
export function clusterFlags(cluster: JsonObject, prefix = ''): string[] {
  return Object.entries(cluster).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const flag = `--${path.replace(/[._]/g, '-')}`;
    if (path === 'environment.set') return [];
    if (Array.isArray(value)) return value.flatMap((item) => [`${flag}=${plain(item)}`]);
    if (typeof value === 'boolean') return [value ? flag : `--no-${path.replace(/[._]/g, '-')}`];
    if (typeof value !== 'object' || value === null) return [`${flag}=${plain(value)}`];
    if (prefix === '') return clusterFlags(value as JsonObject, path);
    return Object.entries(value as JsonObject).map(([name, item]) => `${flag}=${name}=${plain(item)}`);
  });
}

/** `cluster.environment.set`, which wins over the pod's variables. */
function ownVariables(cluster: JsonObject): Record<string, string> {
  const set = objectOf(objectOf(cluster['environment'])['set']);
  return Object.fromEntries(Object.entries(set).map(([name, value]) => [name, plain(value)]));
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function startArguments(options: StartOptions): string[] {
  return [
    ...options.flags,
    'session',
    'start',
    '-o',
    'json',
    ...options.trust,
    ...(options.program === undefined ? [] : ['--program', options.program]),
    ...clusterFlags(options.cluster),
  ];
}
