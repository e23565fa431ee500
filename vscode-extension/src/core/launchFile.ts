// The launch configurations of a folder or workspace, as VS Code's settings give them.

import { canRun, type Configuration } from './configurations';
import { isObject, list, text } from './json';

export interface LaunchFile {
  configurations: Configuration[];
  /** Names of the configurations that a compound starts. */
  compounded: Set<string>;
}

export function readLaunch(configurations: unknown, compounds: unknown): LaunchFile {
  const members = list({ compounds }, 'compounds')
    .filter(isObject)
    .flatMap((compound) => list(compound, 'configurations'))
    .map((member) => (typeof member === 'string' ? member : isObject(member) ? text(member, 'name') : ''));
  return {
    configurations: list({ configurations }, 'configurations').filter(
      (item): item is Configuration => isObject(item) && text(item, 'type') !== '' && text(item, 'name') !== '',
    ),
    compounded: new Set(members.filter((name) => name !== '')),
  };
}

export function runnable(file: LaunchFile): Configuration[] {
  return file.configurations.filter(canRun);
}
