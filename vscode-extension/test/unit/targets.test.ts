import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { age, readTarget, remember, targetRows, typedRow, type ListedTarget } from '../../src/core/targets';

const now = Date.parse('2026-05-04T12:00:00Z');
const listed = (line: object): ListedTarget => {
  const target = readTarget({ ...line });
  assert.ok(target);
  return target;
};
const web = listed({
  target: 'deployment/web',
  namespace: 'shop',
  created: '2026-05-01T12:00:00Z',
  ready: 2,
  wanted: 3,
  containers: ['app', 'proxy'],
  pods: ['a', 'b', 'c', 'd'].map((name) => ({
    name: `web-${name}`,
    state: 'Running',
    created: '2026-05-04T07:00:00Z',
  })),
});
const pod = listed({
  target: 'pod/web-a',
  namespace: 'shop',
  created: '2026-05-04T11:57:00Z',
  pods: [{ name: 'web-a', state: 'CrashLoopBackOff', created: '' }],
});
const other = listed({ target: 'service/db', namespace: 'data', created: '', ready: 1, wanted: 1 });
const demo = listed({ target: 'local:42', namespace: '', demo: true });

describe('age', () => {
  it('is short', () => {
    const at = (seconds: number): string => age(new Date(now - seconds * 1000).toISOString(), now);
    assert.deepEqual([40, 119, 120, 7199, 7200, 172_799, 172_800].map(at), [
      '40s',
      '119s',
      '2m',
      '119m',
      '2h',
      '47h',
      '2d',
    ]);
    assert.equal(age('', now), '');
    assert.equal(age(new Date(now + 5000).toISOString(), now), '0s');
  });
});

describe('rows of the quick pick', () => {
  const rows = targetRows(
    [pod, web, other, demo],
    [{ target: 'deployment/web/container/proxy', namespace: 'shop' }],
    now,
  );

  it('are grouped: recent, this machine, then namespace and kind, pods last', () => {
    assert.deepEqual(
      rows.map((row) => (row.kind === 'group' ? `[${row.label}]` : row.label)),
      [
        '[recent]',
        'deployment/web/container/proxy',
        '[this machine]',
        'local:42',
        '[data · services]',
        'service/db',
        '[shop · deployments]',
        'deployment/web',
        '[shop · pods]',
        'pod/web-a',
      ],
    );
  });

  it("have the context's own namespace first", () => {
    const groups = targetRows([pod, web, other], [], now, 'shop').filter((row) => row.kind === 'group');
    assert.deepEqual(
      groups.map(({ label }) => label),
      ['shop · deployments', 'shop · pods', 'data · services'],
    );
  });

  it('show state and age of a target and its pods', () => {
    const row = rows.find(({ label }) => label === 'deployment/web');
    assert.equal(row?.description, 'shop · 2/3 ready · 3d');
    assert.equal(row.detail, 'web-a Running 5h, web-b Running 5h, web-c Running 5h, and 1 more');
    assert.deepEqual(row.containers, ['app', 'proxy']);
    assert.deepEqual(row.choice, { target: 'deployment/web', namespace: 'shop' });
    assert.equal(rows.at(-1)?.description, 'shop · CrashLoopBackOff · 3m');
  });

  it('know the state of a recent one, and ask for no container again', () => {
    assert.equal(rows[1]?.description, 'shop · 2/3 ready · 3d');
    assert.deepEqual(rows[1].containers, []);
  });

  it('keep a recent one that is not listed', () => {
    const [, row] = targetRows([], [{ target: 'pod/gone', namespace: 'x' }], now);
    assert.equal(row?.label, 'pod/gone');
    assert.equal(row.description, 'x');
  });

  it('take what is typed, if it is a target and not shown', () => {
    assert.equal(typedRow('deployment/web', rows), undefined);
    assert.equal(typedRow('web', rows), undefined);
    assert.deepEqual(typedRow('x/pod/y', rows)?.choice, { target: 'pod/y', namespace: 'x' });
  });

  it('skip lines that are no target', () => {
    assert.equal(readTarget({ note: 'x' }), undefined);
  });
});

describe('remember', () => {
  it('puts the last first, each once, five at most', () => {
    const choices = [1, 2, 3, 4, 5, 6, 2].map((n) => ({ target: `pod/${n}`, namespace: '' }));
    const recent = choices.reduce<{ target: string; namespace: string }[]>((all, one) => remember(all, one), []);
    assert.deepEqual(
      recent.map(({ target }) => target),
      ['pod/2', 'pod/6', 'pod/5', 'pod/4', 'pod/3'],
    );
  });
});
