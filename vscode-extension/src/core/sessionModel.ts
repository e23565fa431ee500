// What is known of one session: filled from the events `session`, `agent`, `process`, `closed`, `activity` and `note`
// (docs/dap-extensions.md), read by the tree, the status bar and the commands. Unknown events and keys change nothing.

import { number, objectOf, objects, text, texts, type JsonObject } from './json';

export type IncomingMode = 'mirror' | 'steal';

export interface Port {
  port: number;
  localPort: number;
  mode: IncomingMode;
  listening: boolean;
  /** Why the port can't be had for now; empty when it can. */
  waiting: string;
  connections: number;
  open: number;
  requests: number;
}

export interface ResolvedName {
  name: string;
  status: number;
  addresses: string[];
}

export interface Connection {
  transport: string;
  remote: string;
  errno: number;
}

export interface Note {
  severity: string;
  text: string;
}

export class SessionModel {
  state: 'starting' | 'running' | 'lost' | 'ended' = 'starting';
  name: string;
  target = '';
  namespace = '';
  context = '';
  pod = '';
  container = '';
  hostname = '';
  agent = '';
  agentState = '';
  mode = '';
  roundTripMicroseconds = 0;
  leaseSeconds = 0;
  program = '';
  ports: Port[] = [];
  files: string[] = [];
  filesOpened = 0;
  fileBytes = 0;
  names: ResolvedName[] = [];
  namesResolved = 0;
  connections: Connection[] = [];
  connectionsMade = 0;
  connectionsFailed = 0;
  environment: string[] = [];
  environmentCount = 0;
  notes: Note[] = [];
  /** What the session answers when it is asked. A debugger must never get such a request: some leave on an unknown one. */
  requests: string[] = [];

  constructor(
    readonly id: string,
    name: string,
  ) {
    this.name = name;
  }

  /** True if the event told something. */
  apply(event: JsonObject): boolean {
    switch (event['event']) {
      case 'session':
        this.applySession(event);
        return true;
      case 'agent':
        this.agentState = text(event, 'text') || text(event, 'state');
        return true;
      case 'closed':
        this.state = 'lost';
        this.agentState = text(event, 'error');
        return true;
      case 'activity':
        this.applyActivity(event);
        return true;
      case 'note':
        this.notes = [...this.notes, { severity: text(event, 'severity'), text: text(event, 'text') }].slice(-20);
        return true;
      default:
        return false;
    }
  }

  /** The body of `inpod/session`, as an event or as the answer to a request. */
  private applySession(event: JsonObject): void {
    if (event['state'] === 'ended') {
      this.state = 'ended';
      return;
    }
    if (this.state !== 'lost') this.state = 'running';
    this.target = text(event, 'target') || this.target;
    this.namespace = text(event, 'namespace') || this.namespace;
    this.context = text(event, 'context') || this.context;
    this.pod = text(event, 'pod') || this.pod;
    this.container = text(event, 'container') || this.container;
    this.hostname = text(event, 'hostname') || this.hostname;
    this.agent = text(event, 'agent') || this.agent;
    this.mode = text(event, 'mode') || this.mode;
    this.program = text(event, 'program') || this.program;
    this.roundTripMicroseconds = number(event, 'round_trip_us') || this.roundTripMicroseconds;
    this.leaseSeconds = number(event, 'lease_seconds') || this.leaseSeconds;
    if (Array.isArray(event['requests'])) this.requests = texts(event, 'requests');
    if (Array.isArray(event['environment'])) {
      this.environment = texts(event, 'environment').sort((a, b) => a.localeCompare(b));
      this.environmentCount = this.environment.length;
    }
  }

  private applyActivity(event: JsonObject): void {
    const files = objectOf(event['files']);
    this.files = steady(this.files, texts(files, 'items'), (path) => path);
    this.filesOpened = number(files, 'opened');
    this.fileBytes = number(files, 'bytes');
    const names = objectOf(event['names']);
    this.namesResolved = number(names, 'resolved');
    const resolved = objects(names, 'items').map((item) => ({
      name: text(item, 'name'),
      status: number(item, 'status'),
      addresses: texts(item, 'addresses'),
    }));
    this.names = steady(this.names, resolved, ({ name }) => name);
    const outgoing = objectOf(event['outgoing']);
    this.connectionsMade = number(outgoing, 'connected');
    this.connectionsFailed = number(outgoing, 'failed');
    const connections = objects(outgoing, 'items').map((item) => ({
      transport: text(item, 'transport'),
      remote: text(item, 'remote'),
      errno: number(item, 'errno'),
    }));
    this.connections = steady(this.connections, connections, ({ transport, remote }) => `${transport} ${remote}`);
    this.ports = objects(event, 'incoming').map((item) => ({
      port: number(item, 'port'),
      localPort: number(item, 'local_port'),
      mode: item['mode'] === 'steal' ? 'steal' : 'mirror',
      listening: item['listening'] !== false,
      waiting: text(item, 'waiting'),
      connections: number(item, 'connections'),
      open: number(item, 'open'),
      requests: number(item, 'requests'),
    }));
    // The pod's count has those in it that belong to a machine, too; the names, once known, are what the program got.
    if (this.environment.length === 0) {
      this.environmentCount = number(objectOf(event['environment']), 'count') || this.environmentCount;
    }
  }
}

/** The last word on each thing, the newest thing first. What was listed already keeps its place: rows that jump can't be
 * clicked. */
function steady<T>(before: readonly T[], now: readonly T[], key: (item: T) => string): T[] {
  const latest = new Map(now.map((item) => [key(item), item]));
  const kept = before.flatMap((item) => latest.get(key(item)) ?? []);
  for (const item of before) latest.delete(key(item));
  return [...[...latest.values()].reverse(), ...kept];
}

export function portText(port: Port): string {
  return port.localPort === 0 || port.localPort === port.port ? `${port.port}` : `${port.port} → ${port.localPort}`;
}

const targetText = (session: SessionModel): string => session.target || 'the cluster';

/** "deployment/web · mirror 8080", "2 cluster sessions". */
export function statusText(sessions: readonly SessionModel[]): string {
  const [only] = sessions;
  if (only === undefined) return '';
  if (sessions.length > 1) return `${sessions.length} cluster sessions`;
  if (only.state === 'starting') return `${targetText(only)} · starting`;
  if (only.state === 'lost') return `${targetText(only)} · connection lost`;
  if (only.mode === 'environment') return `${targetText(only)} · environment only`;
  const parts = (['steal', 'mirror'] as const).flatMap((mode) => {
    const ports = only.ports.filter((port) => port.mode === mode && port.listening).map((port) => port.port);
    return ports.length === 0 ? [] : [`${mode} ${ports.join(', ')}`];
  });
  return [targetText(only), ...parts].join(' · ');
}
