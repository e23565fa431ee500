import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canRun, kindOf, refusal, sessionName, wrap, type Configuration } from '../../src/core/configurations';
import { without } from '../../src/core/json';
import { readLaunch, runnable } from '../../src/core/launchFile';

const cppdbg: Configuration = {
  type: 'cppdbg',
  request: 'launch',
  name: 'web',
  program: '/p/build/web',
  args: ['--port', '8080'],
  environment: [{ name: 'A', value: 'b' }],
  setupCommands: [{ text: '-enable-pretty-printing' }],
  MIMode: 'gdb',
  preLaunchTask: 'build',
  internalConsoleOptions: 'neverOpen',
  cluster: { target: 'deployment/old' },
  __inpodRun: 3,
};

describe('which configurations can run in the cluster', () => {
  it('knows its own, wrapped and native types', () => {
    assert.equal(kindOf('inpod'), 'own');
    for (const type of ['cppdbg', 'lldb', 'lldb-dap', 'gdb']) assert.equal(kindOf(type), 'wrapped', type);
    for (const type of ['node', 'pwa-node', 'python', 'debugpy', 'go']) assert.equal(kindOf(type), 'native', type);
    assert.equal(kindOf('cppvsdbg'), undefined);
  });

  it('takes launch only, and says why it refuses the rest', () => {
    assert.ok(canRun(cppdbg));
    assert.ok(!canRun({ ...cppdbg, request: 'attach' }));
    assert.ok(!canRun('cppdbg'));
    assert.equal(refusal(cppdbg), undefined);
    assert.match(refusal({ ...cppdbg, request: 'attach' })?.message ?? '', /attaches to a process/);
    assert.match(refusal({ ...cppdbg, type: 'chrome' })?.message ?? '', /type "chrome"/);
    assert.match(refusal({ ...cppdbg, type: 'chrome' })?.remedy ?? '', /cppdbg/);
  });

  it('reads launch.json as VS Code gives it, with what is no configuration in it', () => {
    const file = readLaunch(
      [cppdbg, { ...cppdbg, request: 'attach' }, null, 'x', { type: 'node' }],
      [{ name: 'all', configurations: ['web', { name: 'api', folder: 'b' }, 7] }, null],
    );
    assert.deepEqual(
      runnable(file).map(({ name }) => name),
      ['web'],
    );
    assert.deepEqual([...file.compounded], ['web', 'api']);
    assert.deepEqual(readLaunch(undefined, undefined).configurations, []);
  });
});

describe('wrapping a configuration', () => {
  const outer = wrap(cppdbg, { target: 'deployment/web' }, { command: '/x/OpenDebugAD7', args: [], type: 'cppdbg' });

  it('keeps it as it is, but for the keys that VS Code and inpod read', () => {
    assert.deepEqual(outer['configuration'], {
      type: 'cppdbg',
      request: 'launch',
      name: 'web',
      program: '/p/build/web',
      args: ['--port', '8080'],
      environment: [{ name: 'A', value: 'b' }],
      setupCommands: [{ text: '-enable-pretty-printing' }],
      MIMode: 'gdb',
    });
  });

  it('has type inpod outside, with tasks, cluster and debugger', () => {
    assert.deepEqual(without(outer, 'configuration'), {
      type: 'inpod',
      request: 'launch',
      name: 'web',
      preLaunchTask: 'build',
      internalConsoleOptions: 'neverOpen',
      cluster: { target: 'deployment/web' },
      debugger: { command: '/x/OpenDebugAD7', args: [], type: 'cppdbg' },
    });
  });

  it('leaves the original untouched', () => {
    assert.deepEqual(cppdbg['cluster'], { target: 'deployment/old' });
  });

  it('gives noDebug to both, and no debugger where inpod chooses', () => {
    const run = wrap({ ...cppdbg, noDebug: true }, {}, undefined);
    assert.equal(run['noDebug'], true);
    assert.equal((run['configuration'] as Configuration)['noDebug'], true);
    assert.ok(!('debugger' in run));
  });

  it('turns the words of Native Debug into those of gdb', () => {
    const native = { type: 'gdb', request: 'launch', name: 'n', target: './web', arguments: `-p 80 "a b" 'c'` };
    assert.deepEqual(wrap(native, {}, 'gdb')['configuration'], {
      type: 'gdb',
      request: 'launch',
      name: 'n',
      program: './web',
      args: ['-p', '80', 'a b', 'c'],
    });
    const own = { type: 'gdb', request: 'launch', name: 'n', program: './web', target: 'remote' };
    assert.deepEqual(wrap(own, {}, 'gdb')['configuration'], own);
  });

  it('names the session differently from the configuration', () => {
    assert.equal(sessionName('web', 'deployment/web'), 'web (deployment/web)');
    assert.notEqual(sessionName('web', ''), 'web');
  });
});
