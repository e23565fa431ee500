import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SessionModel, statusText } from '../../src/core/sessionModel';
import { ShownRows } from '../../src/core/shownRows';
import { bytes, rows, type Row } from '../../src/core/tree';

const activity = {
  event: 'activity',
  files: { opened: 12, bytes: 48213, items: ['/etc/app.conf', '/etc/hosts'] },
  names: {
    resolved: 2,
    items: [
      { name: 'db', status: 0, addresses: ['10.96.0.12'] },
      { name: 'x', status: -2, addresses: [] },
    ],
  },
  outgoing: { connected: 3, open: 1, failed: 1, items: [{ transport: 'tcp', remote: '10.96.0.12:5432', errno: 111 }] },
  incoming: [
    { port: 80, local_port: 8080, mode: 'steal', listening: true, connections: 7, open: 1, requests: 31 },
    { port: 9090, local_port: 9090, mode: 'mirror', listening: true, connections: 1, open: 0, requests: 1 },
  ],
  environment: { count: 27 },
};
const running = {
  event: 'session',
  state: 'running',
  target: 'deployment/web',
  namespace: 'shop',
  pod: 'web-a',
  container: 'app',
  agent: 'shop/inpod-1',
  mode: 'steal',
  round_trip_us: 1840,
  lease_seconds: 300,
  environment: ['B', 'A'],
};

function session(...events: object[]): SessionModel {
  const model = new SessionModel('1', 'web (deployment/web)');
  for (const event of events) model.apply({ ...event });
  return model;
}

const all = (row: Row): Row[] => [row, ...row.children.flatMap(all)];
const find = (model: SessionModel, id: string): Row => {
  const row = rows([model])
    .flatMap(all)
    .find((item) => item.id === `1/${id}`);
  assert.ok(row, id);
  return row;
};

describe('a name that the pod chose', () => {
  const path = '/app/\u202egpj.\nrm -rf ~\n\u001b[2J';
  const file = find(session(running, { ...activity, files: { ...activity.files, items: [path] } }), `file${path}`);
  const shown = '/app/\ufffdgpj.\ufffdrm -rf ~\ufffd\ufffd[2J';

  it('turns no text round, and is one line in a terminal that it is pasted into', () => {
    assert.equal(file.label, shown);
    assert.equal(file.spoken, shown);
    assert.equal(file.copy, shown);
    assert.equal(file.tooltip, `${shown}\nRead from the pod`);
  });

  it('opens the file that it is the name of', () => {
    assert.equal(file.path, path);
  });
});

describe('the status bar', () => {
  it('says what a session does, in few words', () => {
    assert.equal(statusText([]), '');
    assert.equal(statusText([session(running)]), 'deployment/web');
    assert.equal(statusText([session(running, activity)]), 'deployment/web · steal 80 · mirror 9090');
    assert.equal(statusText([session(running, { event: 'closed', error: 'x' })]), 'deployment/web · connection lost');
    assert.equal(statusText([session(running), session(running)]), '2 cluster sessions');
  });
});

describe('the Cluster view', () => {
  const model = session(running, activity, { event: 'note', severity: 'warning', text: 'mind' });

  it('shows the target and the agent', () => {
    assert.equal(find(model, 'target').description, 'shop · pod web-a · container app');
    assert.equal(find(model, 'agent').description, 'round trip 1.8 ms · lease 300 s · mode steal');
    assert.equal(find(model, 'agent').copy, 'shop/inpod-1');
  });

  it('shows ports with mode and requests, each with its menu', () => {
    const stolen = find(model, 'port/80');
    assert.equal(stolen.label, '80 → 8080');
    assert.equal(stolen.description, 'stolen · 31 requests · 1 open');
    assert.equal(stolen.context, 'inpod.port.steal');
    assert.equal(find(model, 'port/9090').description, 'mirrored · 1 request');
    assert.equal(find(model, 'port/9090').context, 'inpod.port.mirror');
    assert.equal(find(session(running), 'ports/empty').description, 'the program listens on none yet');
    const why = 'port 80 of this pod is already stolen by bob@desk';
    const refused = { port: 80, local_port: 80, mode: 'steal', listening: false, waiting: why };
    const waiting = find(session(running, { ...activity, incoming: [refused] }), 'port/80');
    assert.equal(waiting.description, 'waiting · 0 requests');
    assert.match(waiting.tooltip, /already stolen by bob@desk\. It is asked for again/);
  });

  it('shows files, variables, names, connections and notes, the last first', () => {
    assert.deepEqual(
      find(model, 'files').children.map(({ path }) => path),
      ['/etc/hosts', '/etc/app.conf'],
    );
    assert.equal(find(model, 'files').description, '2');
    assert.match(
      find(model, 'agent').tooltip,
      /12 files opened, 47\.1 KiB read\n2 names resolved\n3 connections made, 1 failed/,
    );
    assert.deepEqual(
      find(model, 'env').children.map(({ label }) => label),
      ['A', 'B'],
    );
    assert.equal(find(model, 'env').description, '2 variables', 'what the program got, not what the pod has');
    assert.equal(find(session({ ...running, environment: null }, activity), 'env/empty').description, '27 variables');
    assert.equal(find(model, 'name/x').description, 'not found');
    assert.equal(find(model, 'name/db').copy, 'db 10.96.0.12');
    assert.match(find(model, 'out/tcp/10.96.0.12:5432').description, /failed \(errno 111\)/);
    assert.equal(find(model, 'note/0').spoken, 'warning: mind');
  });

  it('names every row in words, and gives each an id of its own', () => {
    const every = rows([model]).flatMap(all);
    assert.ok(every.length > 15);
    assert.ok(every.every((row) => row.spoken !== '' && row.icon !== ''));
    assert.equal(new Set(every.map((row) => row.id)).size, every.length);
  });

  it('copies a group as the list of its items', () => {
    assert.equal(find(model, 'files').copy, '/etc/hosts\n/etc/app.conf');
  });

  it('shows nothing of a session that starts, and marks one that is lost', () => {
    assert.deepEqual(rows([session()])[0]?.children, []);
    assert.equal(rows([session(running, { event: 'closed', error: 'gone' })])[0]?.description, 'connection lost');
  });
});

describe('the rows that VS Code holds', () => {
  const model = session(running, activity);
  const shown = new ShownRows();
  const now = (): string[] | 'all' => {
    const changed = shown.take(rows([model]));
    return changed === 'all' ? changed : changed.map(({ id }) => id);
  };
  const shownRow = (id: string): Row | undefined => shown.roots.flatMap(all).find((row) => row.id === `1/${id}`);
  const [steal, mirror] = activity.incoming;

  it('are all new at first, and stay as they are while nothing changes', () => {
    assert.equal(now(), 'all');
    assert.deepEqual(now(), []);
  });

  it('are drawn one by one: a request changes its port, no group and no other row, and each row stays the same object', () => {
    const before = shownRow('port/80');
    model.apply({ ...activity, incoming: [{ ...steal, requests: 32 }, mirror] });
    assert.deepEqual(now(), ['1/port/80']);
    assert.equal(shownRow('port/80'), before);
    assert.match(before?.description ?? '', /32 requests/);
    assert.equal(before?.port?.requests, 32);
    model.apply({ event: 'session', state: 'running', round_trip_us: 99 });
    assert.deepEqual(now(), ['1/agent']);
  });

  it('are drawn with their group when its members change', () => {
    const before = shownRow('file/etc/hosts');
    model.apply({
      ...activity,
      files: { ...activity.files, items: [...activity.files.items, '/etc/new'] },
      incoming: [{ ...steal, requests: 32 }, mirror],
    });
    assert.deepEqual(now(), ['1/files']);
    assert.equal(shownRow('files')?.children[0]?.path, '/etc/new');
    assert.equal(shownRow('file/etc/hosts'), before);
    model.apply({ ...activity, incoming: [mirror] });
    assert.deepEqual(now(), ['1/ports', '1/files']);
    assert.equal(shownRow('port/80'), undefined);
  });

  it('are others once a group has its first member, so that it unfolds, and once a session comes or goes', () => {
    model.apply({ ...activity, incoming: [] });
    assert.deepEqual(now(), ['1/session']);
    assert.deepEqual(shown.take([]), 'all');
    assert.deepEqual(shown.roots, []);
  });
});

describe('the model', () => {
  it('ignores what it does not know', () => {
    const model = session(running);
    assert.equal(model.apply({ event: 'news' }), false);
    assert.equal(model.apply({}), false);
    assert.equal(model.apply({ event: 'activity', incoming: 'x', files: 3 }), true);
    assert.deepEqual(model.ports, []);
  });

  it('keeps the place of what is listed, puts new things first, and has one row for what went well and badly', () => {
    const model = session(running, activity);
    const name = (status: number): object => ({ name: 'db', status, addresses: [] });
    model.apply({
      event: 'activity',
      files: { items: ['/etc/hosts', '/new', '/newer', '/etc/app.conf'] },
      names: { items: [name(0), name(-2)] },
      outgoing: { items: [0, 111].map((errno) => ({ transport: 'tcp', remote: '10.0.0.1:80', errno })) },
    });
    assert.deepEqual(model.files, ['/newer', '/new', '/etc/hosts', '/etc/app.conf']);
    assert.deepEqual(
      model.names.map(({ status }) => status),
      [-2],
    );
    assert.deepEqual(
      model.connections.map(({ errno }) => errno),
      [111],
    );
  });

  it('keeps what a later message leaves out, and the last 20 notes', () => {
    const model = session(running, { event: 'session', state: 'running', round_trip_us: 5 });
    assert.equal(model.target, 'deployment/web');
    assert.equal(model.roundTripMicroseconds, 5);
    for (let n = 0; n < 30; ++n) model.apply({ event: 'note', severity: 'info', text: String(n) });
    assert.equal(model.notes.length, 20);
    assert.equal(model.notes[0]?.text, '10');
  });

  it('stays lost, whatever comes', () => {
    assert.equal(session(running, { event: 'closed', error: 'x' }, running).state, 'lost');
  });
});

describe('bytes', () => {
  it('are short', () => {
    assert.deepEqual([1, 1023, 1024, 1024 * 1024].map(bytes), ['1 byte', '1023 bytes', '1.0 KiB', '1.0 MiB']);
  });
});
