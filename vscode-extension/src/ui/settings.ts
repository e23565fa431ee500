// The extension's settings for a folder, and the `inpod` program that they lead to.

import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { trustFlags } from '../core/configFile';
import { InpodError } from '../core/errors';
import { findInpod } from '../core/inpod';
import { replaced } from '../core/variables';

export interface Settings {
  path: string;
  debug: boolean;
  defaultTarget: string;
}

export function settings(folder: vscode.WorkspaceFolder | undefined): Settings {
  const all = vscode.workspace.getConfiguration('inpod', folder?.uri ?? null);
  return {
    path: replaced(
      all
        .get<string>('path', '')
        .trim()
        .replace(/^~(?=\/)/, homedir()),
      folder?.uri.fsPath ?? '',
    ),
    debug: all.get<string>('logLevel') === 'debug',
    defaultTarget: all.get<string>('defaultTarget', '').trim(),
  };
}

export interface Tool {
  inpod: string;
  flags: string[];
  /** Flags of every command that reads a config file, behind the command: trustFlags. */
  trust: string[];
  cwd: string;
}

/** Throws where nothing may or can be run: an untrusted workspace, one that is not on disk, no `inpod`. */
export function tool(context: vscode.ExtensionContext, folder: vscode.WorkspaceFolder | undefined): Tool {
  if (!vscode.workspace.isTrusted) {
    throw new InpodError('Inpod runs nothing in a workspace that is not trusted', 'trust the workspace first', [
      'trust',
    ]);
  }
  if (folder !== undefined && folder.uri.scheme !== 'file') {
    throw new InpodError(
      `${folder.name} is a virtual folder (${folder.uri.scheme}), and programs run from a disk`,
      'open a folder on disk, or connect to the machine that has it',
      [],
    );
  }
  if (process.platform !== 'linux') {
    throw new InpodError(
      'Inpod runs programs on Linux',
      'open the folder over Remote-SSH, in a dev container or in WSL: the extension runs there',
      [],
    );
  }
  const { path, debug } = settings(folder);
  return {
    inpod: findInpod({ setting: path, extension: context.extensionPath }),
    flags: debug ? ['-v'] : [],
    trust: trustFlags(folder?.uri.fsPath),
    cwd: folder?.uri.fsPath ?? homedir(),
  };
}

/** The folder that a command is about: the resource's, the active editor's, else the first. */
export function folderOf(resource?: vscode.Uri): vscode.WorkspaceFolder | undefined {
  const uri = resource ?? vscode.window.activeTextEditor?.document.uri;
  const own = uri === undefined ? undefined : vscode.workspace.getWorkspaceFolder(uri);
  return own ?? vscode.workspace.workspaceFolders?.[0];
}
