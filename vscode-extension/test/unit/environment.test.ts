import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { programOf, unfitForTerminal, withEnvironment } from '../../src/core/environment';
import { clusterFlags } from '../../src/core/environmentSession';

const session = {
  env: { DB: 'pod', HOST: 'pod', LD_PRELOAD: '/l/libinpod.so', INPOD_SOCKET: '/s' },
  unset: ['OLD'],
};
const node = { type: 'node', request: 'launch', name: 'n' };

describe('the environment of node, python and go', () => {
  it("is the pod's, with the launch configuration's own on top", () => {
    const { env } = withEnvironment({ ...node, env: { HOST: 'mine', X: null } }, 'node', session) as { env?: unknown };
    assert.deepEqual(env, {
      OLD: null,
      DB: 'pod',
      HOST: 'mine',
      X: null,
      LD_PRELOAD: '/l/libinpod.so',
      INPOD_SOCKET: '/s',
    });
  });

  it('always loads the layer', () => {
    const { env } = withEnvironment({ ...node, env: { LD_PRELOAD: 'x', INPOD_SOCKET: 'y' } }, 'go', session) as {
      env?: object;
    };
    assert.deepEqual(env, { OLD: null, ...session.env });
  });

  it('makes variables empty for Python, whose adapter takes text only', () => {
    const { env } = withEnvironment({ ...node, type: 'python' }, 'python', session) as { env?: object };
    assert.deepEqual(env, { OLD: '', ...session.env });
  });

  it('keeps what a shell could take for a command out of a terminal', () => {
    const hostile = {
      A: '\u0003\ntouch marker\n',
      B: "x\\'; touch marker #",
      C: '!!',
      D: '\u2019; touch marker',
      E: '\u009b',
      F: '"`x`"',
    };
    const pod = { env: { ...hostile, DB: 'postgres://u:p@h/db?x=1&y=$z grüß', LD_PRELOAD: '/l' }, unset: [] };
    const kept = { DB: pod.env.DB, LD_PRELOAD: '/l' };
    for (const console of ['integratedTerminal', 'externalTerminal']) {
      const configuration = { ...node, console };
      assert.deepEqual(unfitForTerminal(configuration, 'node', pod), Object.keys(hostile));
      assert.deepEqual((withEnvironment(configuration, 'node', pod) as { env?: object }).env, kept);
      assert.deepEqual((withEnvironment(configuration, 'go', pod) as { env?: object }).env, kept);
      assert.deepEqual((withEnvironment(configuration, 'python', pod) as { env?: object }).env, pod.env);
    }
    assert.deepEqual((withEnvironment(node, 'node', pod) as { env?: object }).env, pod.env);
  });

  it('goes to the interpreter', () => {
    assert.equal(programOf(node, 'node'), 'node');
    assert.equal(programOf({ ...node, runtimeExecutable: '/n' }, 'node'), '/n');
    assert.equal(programOf({ ...node, python: ['/v/python', '-X'] }, 'python'), '/v/python');
    assert.equal(programOf({ ...node, python: '/v/python' }, 'python'), '/v/python');
    assert.equal(programOf({ ...node, pythonPath: '/v/p' }, 'python'), '/v/p');
    assert.equal(programOf(node, 'python'), 'python3');
    assert.throws(() => programOf({ ...node, mode: 'exec', program: '/p/x' }, 'go'), /Go program/);
  });
});

describe('cluster as flags', () => {
  it('has one for each value', () => {
    assert.deepEqual(
      clusterFlags({
        target: 'deployment/web',
        hostname: false,
        agent: { lease_seconds: 5, privileged: true, labels: { a: 'b', c: 'd' } },
        incoming: { ports: [80, 81], map: { '3000': 80 } },
      }),
      [
        '--target=deployment/web',
        '--no-hostname',
        '--agent-lease-seconds=5',
        '--agent-privileged',
        '--agent-labels=a=b',
        '--agent-labels=c=d',
        '--incoming-ports=80',
        '--incoming-ports=81',
        '--incoming-map=3000=80',
      ],
    );
  });

  it('leaves the values of variables out of the command line', () => {
    assert.deepEqual(clusterFlags({ environment: { set: { TOKEN: 'secret' }, unset: ['A'] } }), [
      '--environment-unset=A',
    ]);
  });
});
