import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adapterArguments, debuggerFor, type Surroundings } from '../../src/core/debuggers';
import { InpodError } from '../../src/core/errors';

function around(
  extensions: Record<string, string>,
  executables: string[],
  settings: Record<string, string> = {},
): Surroundings {
  return {
    extensionPath: (id) => extensions[id],
    isExecutable: (path) => executables.includes(path),
    setting: (name) => settings[name],
  };
}

const nothing = around({}, []);

describe('the debug adapter of a wrapped configuration', () => {
  it("is cpptools' for cppdbg", () => {
    const installed = around({ 'ms-vscode.cpptools': '/e/cpptools' }, ['/e/cpptools/debugAdapters/bin/OpenDebugAD7']);
    assert.deepEqual(debuggerFor({ type: 'cppdbg', name: 'a' }, installed), {
      command: '/e/cpptools/debugAdapters/bin/OpenDebugAD7',
      args: [],
      type: 'cppdbg',
    });
  });

  it("is CodeLLDB's for lldb, in both layouts, on a port that inpod fills in", () => {
    for (const place of ['adapter', 'bin']) {
      const path = `/e/lldb/${place}/codelldb`;
      const found = debuggerFor({ type: 'lldb', name: 'a' }, around({ 'vadimcn.vscode-lldb': '/e/lldb' }, [path]));
      assert.deepEqual(found, { command: path, args: ['--port', '${port}'], type: 'codelldb' });
    }
  });

  it('is the one that lldb-dap names: configuration, setting, extension, PATH, in this order', () => {
    const all = ['/c/dap', '/s/dap', '/e/bin/lldb-dap'];
    const settings = { 'lldb-dap.executable-path': '/s/dap' };
    const extensions = { 'llvm-vs-code-extensions.lldb-dap': '/e' };
    const command = (configuration: object, where: Surroundings): unknown => {
      const found = debuggerFor({ type: 'lldb-dap', ...configuration }, where);
      return typeof found === 'object' && found !== null && 'command' in found ? found.command : found;
    };
    assert.equal(command({ debugAdapterExecutable: '/c/dap' }, around(extensions, all, settings)), '/c/dap');
    assert.equal(command({}, around(extensions, all, settings)), '/s/dap');
    assert.equal(command({}, around(extensions, all)), '/e/bin/lldb-dap');
    assert.equal(command({}, nothing), 'lldb-dap');
  });

  it('is a gdb of the configuration, or the one on PATH', () => {
    assert.equal(debuggerFor({ type: 'gdb' }, nothing), 'gdb');
    assert.equal(debuggerFor({ type: 'gdb', gdbpath: '/opt/gdb' }, nothing), '/opt/gdb');
  });

  it('can be named by the user', () => {
    assert.equal(debuggerFor({ type: 'cppdbg', debugger: 'lldb-dap' }, nothing), 'lldb-dap');
  });

  it('is an error with a remedy where it is missing', () => {
    for (const type of ['cppdbg', 'lldb']) {
      assert.throws(
        () => debuggerFor({ type, name: 'a' }, nothing),
        (error) => error instanceof InpodError && /not installed/.test(error.message) && /lldb-dap/.test(error.remedy),
      );
    }
    assert.throws(() => debuggerFor({ type: 'cppdbg', name: 'a', MIMode: 'lldb' }, nothing), /MIMode/);
  });
});

describe('how inpod dap is told of it', () => {
  it('by name or by command', () => {
    assert.deepEqual(adapterArguments('gdb'), ['--debugger', 'gdb']);
    assert.deepEqual(adapterArguments({ command: '/x', args: ['--port', '${port}'], type: 'codelldb' }), [
      '--',
      '/x',
      '--port',
      '${port}',
    ]);
    assert.deepEqual(adapterArguments({ command: '/x' }), ['--', '/x']);
  });

  it('or not at all: inpod then complains of what it finds in the launch request', () => {
    for (const value of [undefined, null, '', 3, {}, { command: 3 }]) assert.deepEqual(adapterArguments(value), []);
  });
});
