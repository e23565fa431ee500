import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SessionModel, statusText } from '../../src/core/sessionModel';
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
    assert.equal(find(model, 'ports').description, '32 requests');
  });

  it('shows files, variables, names, connections and notes, the last first', () => {
    assert.deepEqual(
      find(model, 'files').children.map(({ path }) => path),
      ['/etc/hosts', '/etc/app.conf'],
    );
    assert.equal(find(model, 'files').description, '12 read · 47.1 KiB');
    assert.deepEqual(
      find(model, 'env').children.map(({ label }) => label),
      ['A', 'B'],
    );
    assert.equal(find(model, 'env').description, '2 variables', 'what the program got, not what the pod has');
    assert.equal(find(session({ ...running, environment: null }, activity), 'env').description, '27 variables');
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

describe('the model', () => {
  it('ignores what it does not know', () => {
    const model = session(running);
    assert.equal(model.apply({ event: 'news' }), false);
    assert.equal(model.apply({}), false);
    assert.equal(model.apply({ event: 'activity', incoming: 'x', files: 3 }), true);
    assert.deepEqual(model.ports, []);
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
