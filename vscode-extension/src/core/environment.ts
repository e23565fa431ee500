// The session's environment for the debuggers that stay in VS Code's hands (node, python, go): each takes `env`, and the
// launch configuration's own variables win. What must not be there is null, which all but Python's adapter understand;
// there it is made empty.

import { InpodError } from './errors';
import type { Configuration, NativeFamily } from './configurations';
import { isObject, list, text } from './json';

export interface SessionEnvironment {
  env: Record<string, string>;
  unset: string[];
}

/** inpod's own variables: no configuration may change them. */
export function ours(env: Record<string, string>): Record<string, string> {
  const own = Object.entries(env).filter(([name]) => name === 'LD_PRELOAD' || name.startsWith('INPOD_'));
  return Object.fromEntries(own);
}

/** The debuggers that hand `env` to a terminal as a command line, which VS Code types into the user's shell. Python's brings it to the
 * program by itself. */
function typesIntoTerminal(configuration: Configuration, family: NativeFamily): boolean {
  const console = text(configuration, 'console');
  return family !== 'python' && (console === 'integratedTerminal' || console === 'externalTerminal');
}

/** Names of the pod's variables that no shell may see: a control character would end the line there and make the rest a command,
 * and not every shell reads quotes, backslashes and `!` between quotes alike (fish, csh, PowerShell with its typographic ones). */
export function unfitForTerminal(
  configuration: Configuration,
  family: NativeFamily,
  session: SessionEnvironment,
): string[] {
  if (!typesIntoTerminal(configuration, family)) return [];
  const own = ours(session.env);
  return Object.entries(session.env)
    .filter(([name]) => !(name in own))
    .filter(([, value]) => /[\p{Cc}'"`\\!\u2018-\u201f]/u.test(value))
    .map(([name]) => name);
}

export function withEnvironment<C extends Configuration>(
  configuration: C,
  family: NativeFamily,
  session: SessionEnvironment,
): C {
  const user = isObject(configuration['env']) ? configuration['env'] : {};
  const env: Record<string, unknown> = {};
  for (const name of session.unset) env[name] = family === 'python' ? '' : null;
  const unfit = unfitForTerminal(configuration, family, session);
  const given = Object.fromEntries(Object.entries(session.env).filter(([name]) => !unfit.includes(name)));
  Object.assign(env, given, user, ours(session.env));
  return { ...configuration, env };
}

/** The executable that will load the layer, as `inpod session start --program` wants it. Throws where there can be none. */
export function programOf(configuration: Configuration, family: NativeFamily): string {
  switch (family) {
    case 'node':
      return text(configuration, 'runtimeExecutable') || 'node';
    case 'python':
      return pythonOf(configuration);
    case 'go':
      return goProgram(configuration);
  }
}

function pythonOf(configuration: Configuration): string {
  for (const key of ['python', 'pythonPath']) {
    const first: unknown = list(configuration, key)[0] ?? configuration[key];
    if (typeof first === 'string' && first !== '') return first;
  }
  return 'python3';
}

/** The layer can't be loaded into a Go program. It may still have the environment, if the user knows what it then has not. */
function goProgram(configuration: Configuration): never {
  throw new InpodError(
    `The launch configuration "${configuration.name}" debugs a Go program, whose system calls go past the C library`,
    "it can have the pod's environment, but its files, names and connections would be this machine's",
    ['environmentOnly', 'openLaunch'],
  );
}
