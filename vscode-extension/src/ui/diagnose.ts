// "Diagnose": runs `inpod check` for the folder's target and opens its findings as a page that can be read and copied.

import * as vscode from 'vscode';
import { describeTarget, parseTarget, type TargetChoice } from '../core/cluster';
import { clusterFlags } from '../core/environmentSession';
import { errorFromOutput } from '../core/errors';
import { run } from '../core/inpod';
import { objectOf, text } from '../core/json';
import { readFinding, report, summary, type Finding } from '../core/report';
import { configuredTarget } from './configFile';
import type { Log } from './log';
import { folderOf, settings, tool } from './settings';
import type { Targets } from './targets';

const checkLimitSeconds = 120;
const scheme = 'inpod-report';

export class Diagnose implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changes.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  private readonly page = vscode.Uri.from({ scheme, path: 'Inpod Diagnose.md' });
  private content = '';

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly targets: Targets,
    private readonly log: Log,
  ) {}

  dispose(): void {
    this.registration.dispose();
    this.changes.dispose();
  }

  provideTextDocumentContent(): string {
    return this.content;
  }

  readonly run = async (resource?: vscode.Uri): Promise<void> => {
    const folder = folderOf(resource);
    const choice = this.target(folder);
    const findings = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: 'Inpod: checking this machine and the cluster',
        cancellable: true,
      },
      (progress, cancel) => this.check(folder, choice, cancel, (message) => progress.report({ message })),
    );
    await this.show(findings, folder, choice);
  };

  private target(folder: vscode.WorkspaceFolder | undefined): TargetChoice | undefined {
    const chosen = this.targets.chosen(folder);
    if (chosen !== undefined || folder === undefined || configuredTarget(folder.uri.fsPath) !== '') return chosen;
    return parseTarget(settings(folder).defaultTarget);
  }

  private async check(
    folder: vscode.WorkspaceFolder | undefined,
    choice: TargetChoice | undefined,
    cancel: vscode.CancellationToken,
    progress: (message: string) => void,
  ): Promise<Finding[]> {
    const { inpod, cwd } = tool(this.context, folder);
    const flags =
      choice === undefined
        ? []
        : clusterFlags({ target: choice.target, ...(choice.namespace && { namespace: choice.namespace }) });
    const findings: Finding[] = [];
    const { code, stderr } = await run({
      inpod,
      args: ['check', '-o', 'json', ...flags],
      cwd,
      each: (line) => {
        const finding = readFinding(line);
        if (finding === undefined) return;
        findings.push(finding);
        progress(finding.check);
      },
      log: this.log.line,
      cancel,
      limitSeconds: checkLimitSeconds,
    });
    if (findings.length === 0) throw errorFromOutput(stderr, `inpod check failed with exit code ${code}`);
    return findings;
  }

  private async show(
    findings: Finding[],
    folder: vscode.WorkspaceFolder | undefined,
    choice: TargetChoice | undefined,
  ): Promise<void> {
    this.content = report(findings, {
      time: new Date().toISOString(),
      target: choice === undefined ? configuredTarget(folder?.uri.fsPath ?? '/') : describeTarget(choice),
      inpod: tool(this.context, folder).inpod,
      editor: `${vscode.env.appName} ${vscode.version}`,
      extension: text(objectOf(this.context.extension.packageJSON), 'version'),
    });
    this.changes.fire(this.page);
    const document = await vscode.workspace.openTextDocument(this.page);
    await vscode.window.showTextDocument(await vscode.languages.setTextDocumentLanguage(document, 'markdown'), {
      preview: true,
    });
    void vscode.window.showInformationMessage(`Inpod: ${summary(findings)}.`, 'Copy Report').then(async (chosen) => {
      if (chosen !== undefined) await vscode.env.clipboard.writeText(this.content);
    });
  }
}
