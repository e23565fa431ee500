// The launch configurations of this window, and the context key that menus and keys look at.

import * as vscode from 'vscode';
import { readLaunch, type LaunchFile } from '../core/launchFile';

function launchOf(scope: vscode.Uri | undefined): LaunchFile {
  const launch = vscode.workspace.getConfiguration('launch', scope ?? null);
  return readLaunch(launch.get('configurations'), launch.get('compounds'));
}

/** Of one folder (with those of the workspace file), or of all. */
export function launchConfigurations(folder?: vscode.WorkspaceFolder): LaunchFile {
  const scopes =
    folder === undefined
      ? [undefined, ...(vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri)]
      : [folder.uri];
  const files = scopes.map(launchOf);
  return {
    configurations: files.flatMap((file) => file.configurations),
    compounded: new Set(files.flatMap((file) => [...file.compounded])),
  };
}

export function compounded(name: string): boolean {
  return launchConfigurations().compounded.has(name);
}
