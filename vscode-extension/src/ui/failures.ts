// Errors as notifications: what, why and how, with buttons that do it.

import * as vscode from 'vscode';
import { Cancelled, InpodError, plain, sentence, type Action } from '../core/errors';
import type { Log } from './log';

interface Button {
  title: string;
  run: (folder: vscode.WorkspaceFolder | undefined) => Thenable<unknown>;
}

const command = (id: string, ...args: unknown[]): Thenable<unknown> => vscode.commands.executeCommand(id, ...args);

/** What runs again what has failed, in another way. */
export type Again = Partial<Record<'chooseTarget' | 'environmentOnly', () => Thenable<unknown>>>;

function buttons(again: Again): Record<Action, Button> {
  return {
    chooseTarget: { title: 'Choose Target', run: again.chooseTarget ?? (() => command('inpod.selectTarget')) },
    environmentOnly: { title: 'Run With the Environment Only', run: again.environmentOnly ?? openLaunch },
    openConfig: { title: 'Open Config', run: (folder) => command('inpod.openConfig', folder?.uri) },
    openLaunch: { title: 'Open launch.json', run: openLaunch },
    diagnose: { title: 'Diagnose', run: (folder) => command('inpod.diagnose', folder?.uri) },
    showLog: { title: 'Show Log', run: () => command('inpod.showLog') },
    openSettings: { title: 'Open Settings', run: () => command('workbench.action.openSettings', '@ext:inpod.inpod') },
    trust: { title: 'Manage Workspace Trust', run: () => command('workbench.trust.manage') },
  };
}

async function openLaunch(folder: vscode.WorkspaceFolder | undefined): Promise<void> {
  const file = folder === undefined ? undefined : vscode.Uri.joinPath(folder.uri, '.vscode', 'launch.json');
  try {
    if (file === undefined) throw new Error('no folder');
    await vscode.window.showTextDocument(file);
  } catch {
    await command('workbench.action.debug.configure');
  }
}

export class Failures {
  constructor(private readonly log: Log) {}

  /** Shows an error; nothing where the user has cancelled. Returns at once: a notification may stand for long. */
  show(error: unknown, folder: vscode.WorkspaceFolder | undefined, again: Again = {}): void {
    if (error instanceof Cancelled) {
      this.log.info('Cancelled.');
      return;
    }
    const text = sentence(error);
    this.log.error(text);
    if (!(error instanceof InpodError)) this.log.error(error instanceof Error ? (error.stack ?? '') : '');
    const actions: readonly Action[] = error instanceof InpodError ? error.actions : ['showLog'];
    const all = buttons(again);
    const titles = actions.map((action) => all[action].title);
    const shown = vscode.window.showErrorMessage(`Inpod: ${plain(text)}`, ...titles).then((chosen) => {
      const action = actions.find((candidate) => all[candidate].title === chosen);
      return action === undefined ? undefined : all[action].run(folder);
    });
    this.log.background(shown);
  }

  /** A command whose failure is shown. */
  wrap<Args extends unknown[], R>(work: (...args: Args) => Promise<R>): (...args: Args) => Promise<R | undefined> {
    return async (...args) => {
      try {
        return await work(...args);
      } catch (error) {
        this.show(error, folderFrom(args[0]));
        return undefined;
      }
    };
  }
}

function folderFrom(argument: unknown): vscode.WorkspaceFolder | undefined {
  const own = argument instanceof vscode.Uri ? vscode.workspace.getWorkspaceFolder(argument) : undefined;
  return own ?? vscode.workspace.workspaceFolders?.[0];
}
