// `.inpod/config.yaml`: finding the one that counts, the target that it names, and making one.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { targetInFile } from '../core/cluster';
import { configNames, configTemplate } from '../core/configFile';
import { InpodError } from '../core/errors';

/** As `inpod` looks for it: in the directory and those above. */
export function findConfig(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const found = configNames.map((name) => join(at, '.inpod', name)).find((path) => existsSync(path));
    if (found !== undefined || at === dirname(at)) return found;
  }
}

/** The target that the config file of this directory names, or ''. A file that can't be read is `inpod`'s to complain of. */
export function configuredTarget(directory: string): string {
  const file = findConfig(directory);
  if (file === undefined) return '';
  try {
    return targetInFile(file, readFileSync(file, 'utf8'));
  } catch {
    return '';
  }
}

export async function openConfig(folder: vscode.WorkspaceFolder | undefined): Promise<void> {
  if (folder === undefined) {
    throw new InpodError('There is no folder to keep a config in', 'open a folder first', []);
  }
  const existing = folder.uri.scheme === 'file' ? findConfig(folder.uri.fsPath) : undefined;
  const file =
    existing === undefined ? vscode.Uri.joinPath(folder.uri, '.inpod', 'config.yaml') : vscode.Uri.file(existing);
  if (existing === undefined) {
    const edit = new vscode.WorkspaceEdit();
    edit.createFile(file, { ignoreIfExists: true, contents: Buffer.from(configTemplate, 'utf8') });
    if (!(await vscode.workspace.applyEdit(edit)))
      throw new InpodError(`${file.fsPath} can't be written`, 'see whether you may write to the folder', []);
  }
  await vscode.window.showTextDocument(file);
}
