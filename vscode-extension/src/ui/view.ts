// The Cluster view in Run and Debug, and the commands of its context menus. Without a row (from the palette or a key) they
// ask which thing is meant.

import * as vscode from 'vscode';
import { InpodError, sessionEnded } from '../core/errors';
import { Pace } from '../core/pace';
import { portText, type IncomingMode, type SessionModel } from '../core/sessionModel';
import { ShownRows } from '../core/shownRows';
import { rows, type Row } from '../core/tree';
import type { Log } from './log';
import { remoteUri } from './remoteFiles';
import type { Sessions } from './sessions';

const refreshEvery = 5000;
/** Rows that change stand still for a while in between: core/shownRows.ts says why. */
const stillFor = 500;

export class ClusterView implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<Row[] | undefined>();
  readonly onDidChangeTreeData = this.changes.event;
  private readonly view: vscode.TreeView<Row>;
  private readonly timer: NodeJS.Timeout;
  private readonly shown = new ShownRows();
  private readonly pace = new Pace(stillFor, () => this.draw());
  private readonly subscriptions: { dispose(): unknown }[];

  constructor(
    private readonly sessions: Sessions,
    private readonly log: Log,
  ) {
    this.view = vscode.window.createTreeView('inpod.cluster', { treeDataProvider: this });
    this.subscriptions = [
      this.view,
      this.changes,
      sessions.onDidChange(() => this.pace.wish()),
      this.view.onDidChangeVisibility(() => this.askAgain()),
    ];
    this.timer = setInterval(() => this.askAgain(), refreshEvery);
  }

  dispose(): void {
    clearInterval(this.timer);
    this.pace.stop();
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private draw(): void {
    const changed = this.shown.take(rows(this.sessions.all()));
    if (changed === 'all') this.changes.fire(undefined);
    else if (changed.length > 0) this.changes.fire(changed);
  }

  getChildren(row?: Row): Row[] {
    return row === undefined ? this.shown.roots : row.children;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const folding = row.children.length === 0 ? None : row.unfolded === true ? Expanded : Collapsed;
    const item = new vscode.TreeItem(row.label, folding);
    item.id = row.id;
    item.description = row.description;
    item.tooltip = row.tooltip;
    item.iconPath = new vscode.ThemeIcon(row.icon);
    item.contextValue = row.context;
    item.accessibilityInformation = { label: row.spoken };
    if (row.path !== undefined) {
      // VS Code's own command: arguments of others live only until the next refresh.
      const uri = remoteUri(row.session, row.path);
      item.command = {
        command: 'vscode.open',
        title: "Open the Pod's File Read-Only",
        arguments: [uri, { preview: true }],
      };
    }
    return item;
  }

  /** The round trip is nobody's event. */
  private askAgain(): void {
    if (this.view.visible) for (const session of this.sessions.all()) this.sessions.refresh(session.id);
  }

  readonly show = async (): Promise<void> => {
    await vscode.commands.executeCommand('inpod.cluster.focus');
  };

  /** From a menu it comes with the menu's row; from a key with none, so the selected one is meant. */
  readonly copy = async (...from: [row?: Row]): Promise<void> => {
    const chosen = from.length === 0 ? this.view.selection[0] : from[0];
    if (chosen !== undefined) await vscode.env.clipboard.writeText(chosen.copy);
  };

  readonly stop = async (row?: Row): Promise<void> => {
    const session = row === undefined ? await this.askSession('Stop which session?') : this.model(row);
    if (session !== undefined) await this.sessions.stop(session.id);
  };

  readonly openFile = async (row?: Row): Promise<void> => {
    const session = row === undefined ? await this.askSession('A file of which pod?') : this.model(row);
    const path = row?.path ?? (session === undefined ? undefined : await this.askPath(session));
    if (session === undefined || path === undefined) return;
    await vscode.commands.executeCommand('vscode.open', remoteUri(session.id, path), { preview: true });
  };

  readonly setMode =
    (mode: IncomingMode) =>
    async (row?: Row): Promise<void> => {
      const from = mode === 'steal' ? 'mirror' : 'steal';
      const session = row === undefined ? await this.askSession(`A port of which session?`) : this.model(row);
      const port = row?.port ?? (session === undefined ? undefined : await askPort(session, from));
      if (session === undefined || port === undefined) return;
      await this.sessions.request(session.id, 'incoming', { port: port.port, mode });
      this.log.info(`Port ${port.port} of ${session.target}: ${mode}`);
    };

  private model(row: Row): SessionModel {
    const found = this.sessions.all().find((session) => session.id === row.session);
    if (found === undefined) throw sessionEnded();
    return found;
  }

  private async askSession(title: string): Promise<SessionModel | undefined> {
    const all = this.sessions.all();
    if (all.length === 0) throw new InpodError('No cluster session runs', 'start one: Run in Cluster', []);
    if (all.length === 1) return all[0];
    const items = all.map((session) => ({ label: session.name, description: session.target, session }));
    return (await vscode.window.showQuickPick(items, { title }))?.session;
  }

  private async askPath(session: SessionModel): Promise<string | undefined> {
    const path = await vscode.window.showInputBox({
      title: `Open a file of ${session.target}, read-only`,
      placeHolder: '/etc/app/config.yaml',
      validateInput: (value) => (value.startsWith('/') ? undefined : 'An absolute path of the pod, such as /etc/hosts'),
    });
    return path === '' ? undefined : path;
  }
}

async function askPort(session: SessionModel, mode: IncomingMode): Promise<{ port: number } | undefined> {
  const ports = session.ports.filter((port) => port.mode === mode && port.listening);
  if (ports.length === 0) {
    throw new InpodError(
      `No port is ${mode === 'steal' ? 'stolen' : 'mirrored'} in this session`,
      'a port comes up once the program listens on it',
      [],
    );
  }
  if (ports.length === 1) return ports[0];
  const items = ports.map((port) => ({
    label: portText(port),
    description: `${port.requests} requests`,
    port: port.port,
  }));
  return vscode.window.showQuickPick(items, {
    title: mode === 'steal' ? 'Stop stealing which port?' : 'Steal which port?',
  });
}
