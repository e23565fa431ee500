// The Cluster view's rows, made from the sessions' models. Plain data: the view only puts them on the screen. A row says
// all it shows in words too (`spoken`), for screen readers.

import { oneLine } from './errors';
import { portText, type Port, type SessionModel } from './sessionModel';

export interface Row {
  /** Stays the same as long as the thing it shows does, so that what is unfolded stays unfolded. */
  id: string;
  label: string;
  description: string;
  tooltip: string;
  spoken: string;
  icon: string;
  /** `viewItem` of the context menus. */
  context: string;
  /** What "Copy" copies. */
  copy: string;
  unfolded?: boolean;
  children: Row[];
  session: string;
  port?: Port;
  path?: string;
}

type Parts = Partial<Row> & Pick<Row, 'label' | 'icon'>;

/** The pod names its files and hosts: a name must not turn the text round it, nor bring a line of its own into a terminal
 * that it is pasted into. */
function make(session: SessionModel, id: string, parts: Parts): Row {
  const label = oneLine(parts.label);
  const description = oneLine(parts.description ?? '');
  return {
    tooltip: label,
    spoken: [label, description].filter(Boolean).join(', '),
    context: 'inpod.item',
    copy: label,
    children: [],
    ...parts,
    label,
    description,
    id: `${session.id}/${id}`,
    session: session.id,
  };
}

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

export function bytes(n: number): string {
  if (n < 1024) return count(n, 'byte');
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

function milliseconds(microseconds: number): string {
  return microseconds < 10_000 ? `${(microseconds / 1000).toFixed(1)} ms` : `${Math.round(microseconds / 1000)} ms`;
}

function targetRow(session: SessionModel): Row {
  const place = [
    session.namespace,
    session.pod && `pod ${session.pod}`,
    session.container && `container ${session.container}`,
  ];
  const description = place.filter(Boolean).join(' · ');
  return make(session, 'target', {
    label: session.target || 'target',
    description,
    tooltip: [session.target, description, session.context && `context ${session.context}`].filter(Boolean).join('\n'),
    icon: 'target',
    context: 'inpod.target',
    copy: session.pod || session.target,
  });
}

function agentRow(session: SessionModel): Row {
  const facts = [
    session.roundTripMicroseconds > 0 && `round trip ${milliseconds(session.roundTripMicroseconds)}`,
    session.leaseSeconds > 0 && `lease ${session.leaseSeconds} s`,
    session.mode && `mode ${session.mode}`,
    session.agentState,
  ].filter((fact): fact is string => typeof fact === 'string' && fact !== '');
  return make(session, 'agent', {
    label: 'Agent',
    description: facts.join(' · '),
    tooltip: [
      session.agent,
      ...facts,
      `${count(session.filesOpened, 'file')} opened, ${bytes(session.fileBytes)} read`,
      `${count(session.namesResolved, 'name')} resolved`,
      `${count(session.connectionsMade, 'connection')} made, ${session.connectionsFailed} failed`,
      session.leaseSeconds > 0 ? 'The agent waits this long for the next launch before it deletes itself.' : '',
    ]
      .filter(Boolean)
      .join('\n'),
    icon: session.state === 'lost' ? 'warning' : 'server-process',
    context: 'inpod.agent',
    copy: session.agent,
  });
}

function portRow(session: SessionModel, port: Port): Row {
  const doing = port.waiting ? 'waiting' : port.mode === 'steal' ? 'stolen' : 'mirrored';
  const description = [
    doing,
    count(port.requests, 'request'),
    port.open > 0 && `${port.open} open`,
    !port.listening && !port.waiting && 'closed',
  ]
    .filter(Boolean)
    .join(' · ');
  const meaning = port.waiting
    ? `${port.waiting}. It is asked for again while the program listens.`
    : port.mode === 'steal'
      ? 'Your program answers the requests to this port; the pod gets health checks only.'
      : 'Your program gets a copy of each request to this port; the pod answers.';
  return make(session, `port/${port.port}`, {
    label: portText(port),
    description,
    spoken: `port ${portText(port)}, ${description}`,
    tooltip: `${meaning}\n${count(port.connections, 'connection')}, ${count(port.requests, 'request')}`,
    icon: port.mode === 'steal' ? 'arrow-swap' : 'eye',
    context: `inpod.port.${port.mode}`,
    copy: String(port.port),
    port,
  });
}

/** VS Code keeps a row folded that it has first seen without children; with them it is another row. */
const folder = (id: string, children: readonly Row[]): string => (children.length === 0 ? `${id}/empty` : id);

function group(
  session: SessionModel,
  id: string,
  label: string,
  description: string,
  icon: string,
  children: Row[],
): Row {
  return make(session, folder(id, children), {
    label,
    description,
    icon,
    context: 'inpod.group',
    copy: children.map((child) => child.copy).join('\n'),
    children,
  });
}

function portsGroup(session: SessionModel): Row {
  const description = session.ports.length === 0 ? 'the program listens on none yet' : '';
  const children = session.ports.map((port) => portRow(session, port));
  return { ...group(session, 'ports', 'Ports', description, 'plug', children), unfolded: true };
}

/** How many are listed: the session names the last 50. Totals stand in the agent's tooltip: a group is drawn anew only when
 * its members change, as its rows are then away for a moment. */
function listed(items: readonly unknown[]): string {
  return items.length === 0 ? 'none yet' : items.length < 50 ? String(items.length) : 'the last 50';
}

function filesGroup(session: SessionModel): Row {
  const children = session.files.map((path) =>
    make(session, `file${path}`, {
      label: path,
      icon: 'file',
      context: 'inpod.file',
      tooltip: `${oneLine(path)}\nRead from the pod`,
      path,
    }),
  );
  return group(session, 'files', 'Remote files', listed(children), 'files', children);
}

function environmentGroup(session: SessionModel): Row {
  const children = session.environment.map((name) =>
    make(session, `env/${name}`, { label: name, icon: 'symbol-variable', context: 'inpod.env' }),
  );
  return group(
    session,
    'env',
    'Environment',
    count(session.environmentCount, 'variable'),
    'symbol-namespace',
    children,
  );
}

function namesGroup(session: SessionModel): Row {
  const children = session.names.map((item) =>
    make(session, `name/${item.name}`, {
      label: item.name,
      description: item.status === 0 ? item.addresses.join(', ') : 'not found',
      icon: item.status === 0 ? 'globe' : 'circle-slash',
      context: 'inpod.name',
      copy: oneLine([item.name, ...item.addresses].join(' ')),
    }),
  );
  return group(session, 'names', 'Names resolved', listed(children), 'globe', children);
}

function connectionsGroup(session: SessionModel): Row {
  const children = session.connections.map((item) =>
    make(session, `out/${item.transport}/${item.remote}`, {
      label: item.remote,
      description: [item.transport, item.errno !== 0 && `failed (errno ${item.errno})`].filter(Boolean).join(' · '),
      icon: item.errno === 0 ? 'arrow-right' : 'circle-slash',
      context: 'inpod.connection',
    }),
  );
  return group(session, 'outgoing', 'Connections out', listed(children), 'link-external', children);
}

function notesGroup(session: SessionModel): Row[] {
  if (session.notes.length === 0) return [];
  const children = session.notes.map((note, index) =>
    make(session, `note/${index}`, {
      label: note.text.replace(/\s*\n\s*/g, ' '),
      tooltip: note.text,
      spoken: `${note.severity}: ${note.text}`,
      icon: note.severity === 'info' ? 'info' : note.severity === 'error' ? 'error' : 'warning',
      context: 'inpod.note',
    }),
  );
  return [group(session, 'notes', 'Notes', `${session.notes.length}`, 'info', children)];
}

export function sessionRow(session: SessionModel): Row {
  const states = { starting: 'starting', running: '', lost: 'connection lost', ended: 'ended' };
  const description = states[session.state];
  const children = sessionChildren(session);
  return make(session, folder('session', children), {
    label: session.name,
    description,
    icon: session.state === 'lost' ? 'warning' : 'debug-alt',
    context: 'inpod.session',
    copy: session.target,
    unfolded: true,
    children,
  });
}

/** Live requests (traffic) get a group of their own here. */
function sessionChildren(session: SessionModel): Row[] {
  if (session.state === 'starting') return [];
  return [
    targetRow(session),
    agentRow(session),
    portsGroup(session),
    filesGroup(session),
    environmentGroup(session),
    namesGroup(session),
    connectionsGroup(session),
    ...notesGroup(session),
  ];
}

/** All the rows: a folder for each session. */
export function rows(sessions: readonly SessionModel[]): Row[] {
  return sessions.map(sessionRow);
}
