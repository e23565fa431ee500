// Choosing a target: the quick pick, what is remembered of earlier choices (for the workspace), and which place's word
// counts: the launch configuration's, the chosen one, the config file's, the setting's.

import * as vscode from 'vscode';
import { describeTarget, parseTarget, type TargetChoice } from '../core/cluster';
import { clusterFlags } from '../core/environmentSession';
import { Cancelled, errorFromOutput, InpodError, sentence } from '../core/errors';
import { run } from '../core/inpod';
import { only, text, type JsonObject } from '../core/json';
import { readTarget, remember, targetRows, typedRow, type ListedTarget, type TargetRow } from '../core/targets';
import { replacedIn } from '../core/variables';
import { configuredTarget } from './configFile';
import type { Log } from './log';
import { settings, tool } from './settings';

const listLimitSeconds = 60;

interface Item extends vscode.QuickPickItem {
  row?: TargetRow;
  action?: 'diagnose';
}

interface Listing {
  targets: ListedTarget[];
  /** The namespace of the context or the config. */
  own?: string;
  error?: InpodError;
}

export class Targets {
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: Log,
  ) {}

  private key(folder: vscode.WorkspaceFolder | undefined): string {
    return `target:${folder?.uri.toString() ?? ''}`;
  }

  chosen(folder: vscode.WorkspaceFolder | undefined): TargetChoice | undefined {
    return this.context.workspaceState.get<TargetChoice>(this.key(folder));
  }

  private async choose(folder: vscode.WorkspaceFolder | undefined, choice: TargetChoice | undefined): Promise<void> {
    await this.context.workspaceState.update(this.key(folder), choice);
    if (choice !== undefined) await this.context.workspaceState.update('recent', remember(this.recent(), choice));
  }

  private recent(): TargetChoice[] {
    return this.context.workspaceState.get<TargetChoice[]>('recent', []);
  }

  /** What names the target, without asking: 'written' where `inpod` finds it by itself, in `cluster` or the config file. */
  named(
    folder: vscode.WorkspaceFolder | undefined,
    cluster: JsonObject,
    directory: string,
  ): TargetChoice | 'written' | undefined {
    if (text(cluster, 'target') !== '') return 'written';
    const chosen = this.chosen(folder);
    if (chosen !== undefined) return chosen;
    if (configuredTarget(folder, directory) !== '') return 'written';
    const named = settings(folder).defaultTarget;
    if (named === '') return undefined;
    const choice = parseTarget(named);
    if (choice !== undefined) return choice;
    throw new InpodError(
      `The setting inpod.defaultTarget is "${named}", which is no target`,
      'write deployment/NAME, pod/NAME, … or NAMESPACE/deployment/NAME',
      ['openSettings', 'chooseTarget'],
    );
  }

  /** The target for a launch: nothing where it is written; asks where no place names one. Throws Cancelled. */
  async forLaunch(
    folder: vscode.WorkspaceFolder | undefined,
    cluster: JsonObject,
    directory: string,
  ): Promise<TargetChoice | undefined> {
    const named = this.named(folder, cluster, directory);
    return named === 'written' ? undefined : (named ?? this.pick(folder, cluster));
  }

  /** Asks, and remembers the answer. Throws Cancelled on Escape. */
  async pick(folder: vscode.WorkspaceFolder | undefined, cluster: JsonObject = {}): Promise<TargetChoice> {
    const stop = new vscode.CancellationTokenSource();
    try {
      const row = await this.ask(folder, this.list(folder, cluster, stop.token));
      const choice = row.choice;
      if (choice === undefined) throw new Cancelled();
      const whole = row.containers.length > 1 ? await this.askContainer(choice, row.containers) : choice;
      await this.choose(folder, whole);
      this.log.info(`Target: ${describeTarget(whole)}`);
      return whole;
    } finally {
      stop.cancel();
      stop.dispose();
    }
  }

  /** All namespaces; the own one alone where that is not allowed. */
  private async list(
    folder: vscode.WorkspaceFolder | undefined,
    cluster: JsonObject,
    cancel: vscode.CancellationToken,
  ): Promise<Listing> {
    const flags = (...keys: string[]): string[] =>
      clusterFlags(only(replacedIn(cluster, folder?.uri.fsPath ?? ''), keys));
    const [everywhere, here] = await Promise.all([
      this.listWith(folder, ['-A', ...flags('context', 'kubeconfig')], cancel),
      this.listWith(folder, flags('context', 'kubeconfig', 'namespace'), cancel),
    ]);
    const own = here.targets.find((target) => !target.demo)?.namespace ?? '';
    const whole = everywhere.error === undefined || (here.error !== undefined && here.targets.length === 0);
    return { ...(whole ? everywhere : here), own };
  }

  private async listWith(
    folder: vscode.WorkspaceFolder | undefined,
    flags: string[],
    cancel: vscode.CancellationToken,
  ): Promise<Listing> {
    const { inpod, trust, cwd } = tool(this.context, folder);
    const targets: ListedTarget[] = [];
    const each = (line: JsonObject): void => {
      const target = readTarget(line);
      if (target !== undefined) targets.push(target);
    };
    const args = ['targets', '-o', 'json', ...trust, ...flags];
    let end;
    try {
      end = await run({ inpod, args, cwd, each, log: this.log.line, cancel, limitSeconds: listLimitSeconds });
    } catch (error) {
      if (error instanceof InpodError) return { targets, error };
      throw error;
    }
    const { stderr, code } = end;
    const failed = code !== 0 || (/^inpod: /m.test(stderr) && targets.every((target) => target.demo));
    return failed
      ? { targets, error: errorFromOutput(stderr, `inpod targets failed with exit code ${code}`) }
      : { targets };
  }

  private ask(folder: vscode.WorkspaceFolder | undefined, listing: Promise<Listing>): Promise<TargetRow> {
    const pick = vscode.window.createQuickPick<Item>();
    pick.title = 'Run in Cluster: Target';
    pick.placeholder = 'Type to filter by name, kind or namespace, or type a target (deployment/web)';
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    pick.busy = true;
    let rows = targetRows([], this.recent(), Date.now());
    let problem: InpodError | undefined;
    const show = (): void => {
      const typed = typedRow(pick.value, rows);
      const items = [...(typed === undefined ? [] : [typed]), ...rows].map(toItem);
      if (problem !== undefined) items.push(problemItem(problem));
      pick.items = items;
    };
    show();
    return new Promise((resolve, reject) => {
      const finish = (work: () => void): void => {
        work();
        pick.dispose();
      };
      pick.onDidChangeValue((value) => {
        if (parseTarget(value) !== undefined || pick.items.some((item) => item.row?.description.endsWith('as typed')))
          show();
      });
      pick.onDidAccept(() => {
        const [item] = pick.selectedItems;
        if (item?.row !== undefined) {
          const { row } = item;
          finish(() => resolve(row));
        } else if (item?.action === 'diagnose') {
          finish(() => reject(new Cancelled()));
          this.log.background(vscode.commands.executeCommand('inpod.diagnose', folder?.uri));
        }
      });
      pick.onDidHide(() => finish(() => reject(new Cancelled())));
      listing.then(
        ({ targets, error, own }) => {
          rows = targetRows(targets, this.recent(), Date.now(), own);
          problem = error;
          pick.busy = false;
          if (error !== undefined && rows.length === 0) finish(() => reject(error));
          else if (rows.length === 0) pick.placeholder = 'Nothing to target was found; type a target (deployment/web)';
          show();
        },
        (error: unknown) => finish(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
      pick.show();
    });
  }

  private async askContainer(choice: TargetChoice, containers: readonly string[]): Promise<TargetChoice> {
    const items = containers.map((label, at) => ({ label, description: at === 0 ? 'default' : '' }));
    const container = await vscode.window.showQuickPick(items, {
      title: `Run in Cluster: Container of ${choice.target}`,
      placeHolder: 'The container whose files, environment and network the program gets',
    });
    if (container === undefined) throw new Cancelled();
    if (container.label === containers[0]) return choice;
    return { ...choice, target: `${choice.target}/container/${container.label}` };
  }
}

function toItem(row: TargetRow): Item {
  if (row.kind === 'group') return { label: row.label, kind: vscode.QuickPickItemKind.Separator };
  return { label: row.label, description: row.description, detail: row.detail, row };
}

function problemItem(problem: InpodError): Item {
  return {
    label: '$(warning) The cluster could not be listed',
    description: 'Diagnose…',
    detail: sentence(problem),
    alwaysShow: true,
    action: 'diagnose',
  };
}
