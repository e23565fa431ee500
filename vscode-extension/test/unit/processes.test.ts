// With small shell scripts in inpod's place: what the extension does with the lines, errors and ends of a real child.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { EnvironmentSession, type StartOptions } from '../../src/core/environmentSession';
import { Cancelled, errorFromOutput, InpodError } from '../../src/core/errors';
import { either, findInpod, never, onPath, run, type Cancellation, type Run } from '../../src/core/inpod';
import type { JsonObject } from '../../src/core/json';

const directory = mkdtempSync(join(tmpdir(), 'inpod-unit-'));
after(() => rmSync(directory, { recursive: true }));

function script(name: string, body: string): string {
  const path = join(directory, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

class Cancel implements Cancellation {
  isCancellationRequested = false;
  private readonly listeners: (() => void)[] = [];
  onCancellationRequested(listener: () => void): { dispose(): void } {
    this.listeners.push(listener);
    return { dispose: () => undefined };
  }
  now(): void {
    this.isCancellationRequested = true;
    for (const listener of this.listeners) listener();
  }
}

function options(inpod: string, more: Partial<Run> = {}): Run & { lines: JsonObject[] } {
  const lines: JsonObject[] = [];
  return {
    inpod,
    args: ['targets'],
    cwd: directory,
    each: (line) => lines.push(line),
    log: () => undefined,
    cancel: never,
    limitSeconds: 20,
    lines,
    ...more,
  };
}

describe('finding inpod', () => {
  const carried = script('extension/bin/inpod', 'true');
  const extension = join(directory, 'extension');

  it('prefers the setting, then the carried one', () => {
    assert.equal(findInpod({ setting: '', extension }), carried);
    const own = script('own', 'true');
    assert.equal(findInpod({ setting: own, extension }), own);
  });

  it('does not fall back where the setting is wrong', () => {
    for (const setting of ['/nowhere/inpod', 'inpod', directory]) {
      assert.throws(
        () => findInpod({ setting, extension }),
        (error) => error instanceof InpodError && error.actions[0] === 'openSettings',
      );
    }
  });

  it('looks at absolute directories of PATH only', () => {
    assert.equal(onPath('own', `.:relative:${directory}`), join(directory, 'own'));
    assert.equal(onPath('own', 'relative'), undefined);
  });
});

describe('running a command', () => {
  it('hands its lines on', async () => {
    const given = options(script('ok', 'echo \'{"target":"pod/a"}\'; echo "$1"; printf \'{"target":"pod/b"}\''));
    assert.equal((await run(given)).code, 0);
    assert.deepEqual(given.lines, [{ target: 'pod/a' }, { target: 'pod/b' }]);
  });

  it('tells its failure, what it said, and that it is not there', async () => {
    const logged: string[] = [];
    const log = (line: string): unknown => logged.push(line);
    const failing = script('bad', 'printf "inpod: can" >&2; sleep 0.2; printf "not reach it\\n  look" >&2; exit 3');
    const { code, stderr } = await run(options(failing, { log }));
    assert.equal(code, 3);
    assert.equal(errorFromOutput(stderr, '').remedy, 'look');
    assert.deepEqual(logged, ['inpod: cannot reach it', '  look'], 'lines are whole');
    await assert.rejects(run(options(join(directory, 'none'))), /can't be started/);
  });

  it('ends it on cancel, and where it takes too long', async () => {
    const slow = script('slow', 'echo "{}"; exec sleep 60');
    const cancel = new Cancel();
    const given = options(slow, { cancel, each: () => cancel.now() });
    await assert.rejects(run(given), Cancelled);
    await assert.rejects(run(options(slow, { limitSeconds: 0.2 })), /longer than/);
    await assert.rejects(run(given), Cancelled, 'cancelled before it starts');
    const second = new Cancel();
    const two = options(slow, { cancel: either(never, second), each: () => second.now() });
    await assert.rejects(run(two), Cancelled, 'by either of two');
  });
});

describe('an environment session', () => {
  const start = (inpod: string, more: Partial<StartOptions> = {}): Promise<EnvironmentSession> =>
    EnvironmentSession.start({
      inpod,
      flags: ['-v'],
      trust: ['--trusted-folder', '/p'],
      program: '/bin/node',
      cluster: { target: 'pod/a', environment: { set: { TOKEN: 'secret', N: 1 } } },
      cwd: directory,
      progress: () => undefined,
      event: () => undefined,
      log: () => undefined,
      cancel: never,
      ...more,
    });
  const good = script(
    'good',
    `echo "$*" >> ${join(directory, 'arguments')}
echo '{"type":"progress","stage":"cluster","text":"connecting"}'
echo '{"type":"ready","target":"pod/a","env":{"A":"b","LD_PRELOAD":"/l.so","N":"2"},"unset":["OLD","TOKEN"]}'
echo '{"type":"event","event":"note","text":"hello"}'
while read -r line; do
  case "$line" in
    *refuse*) echo '{"type":"response","id":2,"success":false,"text":"no such port","remedy":"name another"}' ;;
    *) echo '{"type":"response","id":1,"success":true,"body":{"mode":"steal"}}' ;;
  esac
done`,
  );

  it('gives environment, progress and events, and ends with its stdin', async () => {
    const stages: string[] = [];
    let ended: (() => void) | undefined;
    const end = new Promise<void>((resolve) => (ended = resolve));
    const session = await start(good, {
      progress: (stage) => stages.push(stage),
      event: (event) => {
        if (event['state'] === 'ended') ended?.();
      },
    });
    assert.deepEqual(session.environment, {
      env: { A: 'b', LD_PRELOAD: '/l.so', TOKEN: 'secret', N: '1' },
      unset: ['OLD'],
    });
    assert.deepEqual(stages, ['cluster']);
    session.stop();
    await end;
  });

  it('answers requests, or says why not', async () => {
    const session = await start(good);
    assert.deepEqual(await session.request('incoming', { port: 80 }), { mode: 'steal' });
    await assert.rejects(
      session.request('refuse', {}),
      (error) => error instanceof InpodError && error.remedy === 'name another',
    );
    const last = session.request('never', {});
    session.stop();
    await assert.rejects(last, /has ended|mode/);
    await assert.rejects(session.request('late', {}), /has ended/);
  });

  it('fails with the reason', async () => {
    const told = script('told', `echo '{"type":"error","text":"no such pod","remedy":"choose another"}'; exit 125`);
    await assert.rejects(start(told), (error) => error instanceof InpodError && error.message === 'no such pod');
    const silent = script('silent', 'echo "loader: libx.so is missing" >&2; exit 127');
    await assert.rejects(start(silent), /libx\.so/);
    await assert.rejects(start(join(directory, 'none')), /can't be started/);
  });

  it('is cancelled while it starts', async () => {
    const waiting = script('waiting', `echo '{"type":"progress","stage":"agent","text":"waiting"}'\nread -r line`);
    const cancel = new Cancel();
    await assert.rejects(start(waiting, { cancel, progress: () => cancel.now() }), Cancelled);
  });
});
