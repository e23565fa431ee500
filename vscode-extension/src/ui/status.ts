// The status bar: the button "Run in Cluster" while a C or C++ launch configuration is there, and what the sessions do
// while one lives.

import * as vscode from 'vscode';
import { isCompiled } from '../core/configurations';
import { runnable } from '../core/launchFile';
import { statusText } from '../core/sessionModel';
import { launchConfigurations } from './launch';
import type { Log } from './log';
import type { Sessions } from './sessions';

export class Status implements vscode.Disposable {
  private readonly run = vscode.window.createStatusBarItem('inpod.run', vscode.StatusBarAlignment.Left, 29);
  private readonly session = vscode.window.createStatusBarItem('inpod.session', vscode.StatusBarAlignment.Left, 28);
  private readonly context = new Map<string, boolean>();
  private readonly subscriptions: { dispose(): unknown }[];

  constructor(
    private readonly sessions: Sessions,
    private readonly log: Log,
  ) {
    this.run.name = 'Run in Cluster';
    this.run.text = '$(debug-alt) Run in Cluster';
    this.run.tooltip = 'Run the selected launch configuration as though it ran in a pod';
    this.run.command = 'inpod.runInCluster';
    this.run.accessibilityInformation = { label: 'Run in Cluster', role: 'button' };
    this.session.name = 'Cluster Session';
    this.session.command = 'inpod.showCluster';
    this.subscriptions = [
      this.run,
      this.session,
      sessions.onDidChange(() => this.showSession()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('launch')) this.showRun();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.showRun()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.showRun()),
    ];
    this.showRun();
    this.showSession();
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** What the conditions in package.json ask for. */
  private setContext(key: string, value: boolean): void {
    if (this.context.get(key) === value) return;
    this.context.set(key, value);
    this.log.background(vscode.commands.executeCommand('setContext', key, value));
  }

  private showRun(): void {
    const found = runnable(launchConfigurations());
    this.setContext('inpod.canRun', found.length > 0);
    if (found.some(isCompiled)) this.run.show();
    else this.run.hide();
  }

  private showSession(): void {
    const all = this.sessions.all();
    this.setContext('inpod.session', all.length > 0);
    const text = statusText(all);
    const lost = all.some((session) => session.state === 'lost');
    this.session.text = `$(${lost ? 'warning' : 'server-process'}) ${text}`;
    this.session.tooltip = [
      'Cluster session; show the Cluster view',
      ...all.map((session) => `${session.name}: ${statusText([session])}`),
    ].join('\n');
    this.session.accessibilityInformation = { label: `Cluster session: ${text}`, role: 'button' };
    if (all.length > 0) this.session.show();
    else this.session.hide();
  }
}
