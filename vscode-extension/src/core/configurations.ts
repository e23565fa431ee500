// Launch configurations: which ones can run in the cluster, and how.
//
//   own      type "inpod": `inpod dap` starts the debugger
//   wrapped  C, C++ and Rust debuggers (cppdbg, lldb, lldb-dap, gdb): the configuration is put, as it is, into one of type
//            "inpod", and `inpod dap` starts the adapter that the type's own extension would have started
//   native   node, python, go: their adapter stays in VS Code's hands; it is given the session's environment

import { InpodError } from './errors';
import { isObject, text, type JsonObject } from './json';

export interface Configuration extends JsonObject {
  type: string;
  name: string;
  request: string;
}

export type Kind = 'own' | 'wrapped' | 'native';

export const wrappedTypes = ['cppdbg', 'lldb', 'lldb-dap', 'lldb-vscode', 'gdb', 'gdbtarget'] as const;
const nativeTypes = new Map([
  ['node', 'node'],
  ['pwa-node', 'node'],
  ['python', 'python'],
  ['debugpy', 'python'],
  ['go', 'go'],
] as const);

export type NativeFamily = 'node' | 'python' | 'go';

export function kindOf(type: string): Kind | undefined {
  if (type === 'inpod') return 'own';
  if ((wrappedTypes as readonly string[]).includes(type)) return 'wrapped';
  return nativeFamily(type) === undefined ? undefined : 'native';
}

export function nativeFamily(type: string): NativeFamily | undefined {
  return (nativeTypes as ReadonlyMap<string, NativeFamily>).get(type);
}

export function supportedTypes(): string {
  return ['inpod', ...wrappedTypes, ...nativeTypes.keys()].join(', ');
}

export function canRun(value: unknown): value is Configuration {
  if (!isObject(value) || typeof value['name'] !== 'string') return false;
  return value['request'] === 'launch' && kindOf(text(value, 'type')) !== undefined;
}

/** C and C++ debuggers: what the status bar's button is for. */
export function isCompiled(configuration: Configuration): boolean {
  const kind = kindOf(configuration.type);
  return kind === 'own' || kind === 'wrapped';
}

/** Says why a configuration can't run in the cluster; nothing if it can. */
export function refusal(configuration: JsonObject): InpodError | undefined {
  const name = text(configuration, 'name');
  const type = text(configuration, 'type');
  if (kindOf(type) === undefined) {
    return new InpodError(
      `The launch configuration "${name}" has the type "${type}", which can't run in the cluster`,
      `choose one of type ${supportedTypes()}`,
      ['openLaunch'],
    );
  }
  if (configuration['request'] !== 'launch') {
    return new InpodError(
      `The launch configuration "${name}" attaches to a process that runs already, which can't be moved into the cluster`,
      'choose one with "request": "launch"',
      ['openLaunch'],
    );
  }
  return undefined;
}

/** Keys that VS Code itself reads: they must stand outside of a nested configuration. */
const editorKeys = [
  'preLaunchTask',
  'postDebugTask',
  'internalConsoleOptions',
  'debugServer',
  'serverReadyAction',
  'presentation',
  'suppressMultipleSessionWarning',
];

/** Marks in a configuration, which VS Code carries along while it resolves it: the number of the "Run in Cluster" that it
 * belongs to, and the session whose environment it has been given. */
export const runMark = '__inpodRun';
export const sessionMark = '__inpodSession';
/** Its target is settled: VS Code asks again when the type has changed. */
export const settledMark = '__inpodSettled';

/** What a session is called in the call stack and the debug console. It must differ from the launch configuration's own
 * name: on restart VS Code looks the name up again, and would start what it finds there, locally. */
export function sessionName(name: string, target: string): string {
  return target === '' ? `${name} (in the cluster)` : `${name} (${target})`;
}

/** A configuration of type "inpod" around another: docs/dap-extensions.md has the form. */
export function wrap(configuration: Configuration, cluster: JsonObject, debuggerChoice: unknown): Configuration {
  const outer: Configuration = { type: 'inpod', request: 'launch', name: configuration.name };
  const inner: JsonObject = {};
  for (const [key, value] of Object.entries(configuration)) {
    if (editorKeys.includes(key)) outer[key] = value;
    else if (key !== 'cluster' && key !== 'debugger' && !key.startsWith('__')) inner[key] = value;
  }
  // `inpod` reads it inside, VS Code outside.
  if (configuration['noDebug'] !== undefined) outer['noDebug'] = configuration['noDebug'];
  outer['cluster'] = cluster;
  if (debuggerChoice !== undefined) outer['debugger'] = debuggerChoice;
  outer['configuration'] = adapted(inner);
  return outer;
}

/** Configurations of the extension Native Debug (type "gdb") name the program `target` and write its arguments as one
 * text; gdb's own adapter wants `program` and a list. */
function adapted(configuration: JsonObject): JsonObject {
  if (configuration['type'] !== 'gdb' || configuration['program'] !== undefined) return configuration;
  const { target, arguments: line, ...rest } = configuration;
  if (typeof target !== 'string') return configuration;
  const words = typeof line === 'string' ? (line.match(/"[^"]*"|'[^']*'|\S+/g) ?? []) : [];
  const args = words.map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
  return { ...rest, program: target, ...(args.length > 0 ? { args } : {}) };
}
