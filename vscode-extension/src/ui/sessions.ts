// The sessions that live in this window: their models, fed by custom events or by `inpod session start`, and requests to
// them. A debug session of type "inpod" brings its own; node, python and go have a process beside them.

import * as vscode from 'vscode';
import { sessionMark } from '../core/configurations';
import type { EnvironmentSession } from '../core/environmentSession';
import { InpodError, plain, sessionEnded } from '../core/errors';
import { objectOf, type JsonObject } from '../core/json';
import { SessionModel } from '../core/sessionModel';
import type { Log } from './log';

interface Entry {
  model: SessionModel;
  request: (name: string, args: JsonObject) => Thenable<unknown>;
  debug?: vscode.DebugSession;
  environment?: EnvironmentSession;
  /** Ends an environment session that no debug session has taken up in time. */
  unused?: NodeJS.Timeout;
  restarting?: boolean;
}

const unusedLimit = 120_000;
const restartLimit = 30_000;

export class Sessions implements vscode.Disposable {
  private readonly entries = new Map<string, Entry>();
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changes.event;
  private readonly subscriptions: { dispose(): unknown }[];

  constructor(private readonly log: Log) {
    this.subscriptions = [
      this.changes,
      vscode.debug.onDidReceiveDebugSessionCustomEvent((event) => this.receive(event)),
      vscode.debug.onDidStartDebugSession((session) => this.started(session)),
      vscode.debug.onDidTerminateDebugSession((session) => this.terminated(session)),
    ];
  }

  all(): SessionModel[] {
    return [...this.entries.values()].map((entry) => entry.model);
  }

  /** A debug session of type "inpod" begins. */
  begin(session: vscode.DebugSession): void {
    const model = new SessionModel(session.id, session.name);
    model.target = targetOf(session.configuration);
    this.entries.set(session.id, {
      model,
      debug: session,
      request: (name, args) => session.customRequest(`inpod/${name}`, args),
    });
    this.changed();
  }

  /** An environment session is there; the debug session that will use it is to come. */
  add(id: string, name: string, environment: EnvironmentSession): void {
    if (environment.ended) throw sessionEnded();
    const model = new SessionModel(id, name);
    const known = new Set(Object.keys(environment.environment.env).filter((key) => !key.startsWith('INPOD_')));
    model.apply({ ...environment.description, event: 'session', state: 'running', environment: [...known] });
    this.entries.set(id, {
      model,
      environment,
      request: (request, args) => environment.request(request, args),
      unused: setTimeout(() => environment.stop(), unusedLimit),
    });
    this.changed();
  }

  /** An event of an environment session. */
  event(id: string, event: JsonObject): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    if (event['event'] === 'session' && event['state'] === 'ended') {
      this.remove(id);
      return;
    }
    this.apply(entry, event);
  }

  remove(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    clearTimeout(entry.unused);
    this.entries.delete(id);
    this.changed();
  }

  async request(id: string, name: string, args: JsonObject): Promise<JsonObject> {
    const entry = this.entries.get(id);
    if (entry === undefined) throw sessionEnded();
    if (!entry.model.requests.includes(name)) {
      throw new InpodError(
        'The inpod that runs this session is too old for that',
        'clear the setting inpod.path, or update what it names',
        ['openSettings'],
      );
    }
    return objectOf(await entry.request(name, args));
  }

  /** Asks again what no event tells: the round trip, and which variables were taken. */
  refresh(id: string): void {
    this.log.background(this.askAgain(id));
  }

  private async askAgain(id: string): Promise<void> {
    const entry = this.entries.get(id);
    if (entry?.model.state !== 'running' || !entry.model.requests.includes('session')) return;
    const answer = await this.request(id, 'session', {});
    const { environment: asked, ...rest } = answer;
    entry.model.apply({ ...rest, event: 'session', ...(Array.isArray(asked) ? { environment: asked } : {}) });
    this.changed();
  }

  async stop(id: string): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    if (entry.debug !== undefined) await vscode.debug.stopDebugging(entry.debug);
    entry.environment?.stop();
  }

  /** The debugger is about to be started anew with the same environment. */
  restarting(id: string): void {
    const entry = this.entries.get(id);
    if (entry !== undefined) entry.restarting = true;
  }

  dispose(): void {
    for (const entry of this.entries.values()) {
      clearTimeout(entry.unused);
      entry.environment?.stop();
    }
    this.entries.clear();
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private receive(event: vscode.DebugSessionCustomEvent): void {
    if (!event.event.startsWith('inpod/')) return;
    const entry = this.entries.get(event.session.id);
    if (entry === undefined) return;
    const body = objectOf(event.body);
    this.apply(entry, body);
    if (body['event'] === 'session' && body['state'] === 'running') this.refresh(entry.model.id);
    if (body['event'] === 'session' && body['state'] === 'ended') this.remove(entry.model.id);
  }

  private apply(entry: Entry, event: JsonObject): void {
    if (!entry.model.apply(event)) return;
    if (event['event'] === 'closed') {
      this.log.error(`The connection to the pod is over: ${entry.model.agentState}`);
      this.log.background(offerAnotherRun(entry.model.agentState));
    }
    this.changed();
  }

  private started(session: vscode.DebugSession): void {
    const entry = this.taking(session);
    if (entry === undefined) return;
    clearTimeout(entry.unused);
    entry.restarting = false;
    entry.debug = session;
    entry.model.name = session.name;
    this.changed();
  }

  private terminated(session: vscode.DebugSession): void {
    const entry = this.taking(session);
    if (entry === undefined) return;
    delete entry.debug;
    if (entry.restarting === true) entry.unused = setTimeout(() => entry.environment?.stop(), restartLimit);
    else entry.environment?.stop();
  }

  /** The environment session that a debug session uses. Children of a debug session end when they please. */
  private taking(session: vscode.DebugSession): Entry | undefined {
    const id: unknown = session.configuration[sessionMark];
    return typeof id === 'string' && session.parentSession === undefined ? this.entries.get(id) : undefined;
  }

  private changed(): void {
    this.changes.fire();
  }
}

async function offerAnotherRun(reason: string): Promise<void> {
  const commands = new Map([
    ['Run in Cluster Again', 'inpod.runInClusterAgain'],
    ['Show Log', 'inpod.showLog'],
  ]);
  const text = `Inpod: the connection to the pod is over: ${plain(reason)}`;
  const chosen = await vscode.window.showErrorMessage(text, ...commands.keys());
  const command = commands.get(chosen ?? '');
  if (command !== undefined) await vscode.commands.executeCommand(command);
}

function targetOf(configuration: vscode.DebugConfiguration): string {
  const target = objectOf(configuration['cluster'])['target'];
  return typeof target === 'string' ? target : '';
}
