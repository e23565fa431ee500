// Which debug adapter a wrapped configuration gets: the one that the type's own extension brings, by the paths that
// extension uses; else what `inpod` finds by itself (on PATH), for which the type's name is enough.

import { join } from 'node:path';
import { InpodError } from './errors';
import { text, type JsonObject } from './json';

export interface Surroundings {
  /** Where an extension is installed; nothing if it is not. */
  extensionPath(id: string): string | undefined;
  isExecutable(path: string): boolean;
  /** A setting of another extension, or nothing. */
  setting(name: string): string | undefined;
}

export interface AdapterCommand {
  command: string;
  args: string[];
  type: string;
}

/** A value for the key "debugger" of a launch request, or nothing: `inpod` chooses by the nested type. */
export function debuggerFor(configuration: JsonObject, around: Surroundings): unknown {
  if (configuration['debugger'] !== undefined) return configuration['debugger'];
  switch (configuration['type']) {
    case 'cppdbg':
      return cppdbg(configuration, around);
    case 'lldb':
      return lldb(around);
    case 'lldb-dap':
    case 'lldb-vscode':
      return lldbDap(configuration, around);
    case 'gdb':
      return text(configuration, 'gdbpath') || text(configuration, 'gdb') || 'gdb';
    case 'gdbtarget':
      return 'cdt-gdb-adapter';
    default:
      return undefined;
  }
}

function cppdbg(configuration: JsonObject, around: Surroundings): AdapterCommand {
  if (configuration['MIMode'] === 'lldb') {
    throw new InpodError(
      `The launch configuration "${text(configuration, 'name')}" has "MIMode": "lldb", which can't run in the cluster`,
      'set "MIMode": "gdb", or "debugger": "lldb-dap"',
      ['openLaunch'],
    );
  }
  const home = around.extensionPath('ms-vscode.cpptools');
  const command = home === undefined ? undefined : join(home, 'debugAdapters', 'bin', 'OpenDebugAD7');
  if (command !== undefined && around.isExecutable(command)) return { command, args: [], type: 'cppdbg' };
  throw missing('cppdbg', 'C/C++ (ms-vscode.cpptools)');
}

/** CodeLLDB's adapter listens on the port that it is given; `inpod` fills ${port} in. The type "lldb" was lldb-vscode's
 * too, once; without CodeLLDB, `inpod` looks for what there is. */
function lldb(around: Surroundings): AdapterCommand {
  const home = around.extensionPath('vadimcn.vscode-lldb');
  for (const place of ['bin', 'adapter']) {
    const command = home === undefined ? undefined : join(home, place, 'codelldb');
    if (command !== undefined && around.isExecutable(command)) {
      return { command, args: ['--port', '${port}'], type: 'codelldb' };
    }
  }
  throw missing('lldb', 'CodeLLDB (vadimcn.vscode-lldb)');
}

function lldbDap(configuration: JsonObject, around: Surroundings): unknown {
  const named = text(configuration, 'debugAdapterExecutable') || (around.setting('lldb-dap.executable-path') ?? '');
  const home = around.extensionPath('llvm-vs-code-extensions.lldb-dap');
  const carried = home === undefined ? '' : join(home, 'bin', 'lldb-dap');
  for (const command of [named, carried]) {
    if (command !== '' && around.isExecutable(command)) return { command, args: [], type: 'lldb-dap' };
  }
  return 'lldb-dap';
}

function missing(type: string, extension: string): InpodError {
  return new InpodError(
    `The debug adapter of the type "${type}" is not installed`,
    `install the extension ${extension}, or set "debugger": "lldb-dap" in the launch configuration`,
    ['openLaunch', 'diagnose'],
  );
}

/** Arguments of `inpod dap` that make it start this adapter at once, and no other before it. */
export function adapterArguments(choice: unknown): string[] {
  if (typeof choice === 'string' && choice !== '') return ['--debugger', choice];
  if (typeof choice !== 'object' || choice === null || !('command' in choice)) return [];
  const { command, args } = choice as { command: unknown; args?: unknown };
  if (typeof command !== 'string') return [];
  const rest = Array.isArray(args) ? args.filter((item): item is string => typeof item === 'string') : [];
  return ['--', command, ...rest];
}
