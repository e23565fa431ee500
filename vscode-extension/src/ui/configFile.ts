// `.inpod/config.yaml`: finding the one that counts, the target that it names, and making one.

import * as vscode from 'vscode';
import { targetInFile } from '../core/cluster';
import { configTemplate, findConfig, readConfig } from '../core/configFile';
import { InpodError } from '../core/errors';

/** The target that the config file of this directory names, or ''. Nothing outside a trusted folder is read. A file that
 * can't be read, or that others can change, is `inpod`'s to complain of. */
export function configuredTarget(folder: vscode.WorkspaceFolder | undefined, directory: string): string {
  if (!vscode.workspace.isTrusted || folder?.uri.scheme !== 'file') return '';
  const file = findConfig(directory, folder.uri.fsPath);
  if (file === undefined) return '';
  try {
    return targetInFile(file, readConfig(file));
  } catch {
    return '';
  }
}

export async function openConfig(folder: vscode.WorkspaceFolder | undefined): Promise<void> {
  if (folder === undefined) {
    throw new InpodError('There is no folder to keep a config in', 'open a folder first', []);
  }
  const existing = folder.uri.scheme === 'file' ? findConfig(folder.uri.fsPath, folder.uri.fsPath) : undefined;
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
