// "Diagnose": runs `inpod check` with what the last launch used, or would use, and opens its findings as a page that can be
// read and copied.

import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import { clusterOfLaunch, describeTarget, withTarget } from '../core/cluster';
import type { Configuration } from '../core/configurations';
import { clusterFlags } from '../core/environmentSession';
import { Cancelled, errorFromOutput } from '../core/errors';
import { run } from '../core/inpod';
import { text, type JsonObject } from '../core/json';
import { runnable } from '../core/launchFile';
import { readFinding, report, summary, type Finding } from '../core/report';
import { replacedIn } from '../core/variables';
import { configuredTarget } from './configFile';
import { launchConfigurations } from './launch';
import type { Log } from './log';
import { directoryOf, type Runner } from './runner';
import { folderOf, tool } from './settings';
import type { Targets } from './targets';

const checkLimitSeconds = 120;
const scheme = 'inpod-report';

/** What is looked at. */
interface Subject {
  folder: vscode.WorkspaceFolder | undefined;
  configuration: Configuration | undefined;
  cluster: JsonObject;
  /** Where `inpod` looks for the config file. */
  directory: string;
}

export class Diagnose implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changes.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  private readonly page = vscode.Uri.from({ scheme, path: 'Inpod Diagnose.md' });
  private content = '';

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly targets: Targets,
    private readonly runner: Runner,
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
    tool(this.context, folder);
    const subject = await this.subject(folder);
    const findings = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: 'Inpod: checking this machine and the cluster',
        cancellable: true,
      },
      (progress, cancel) => this.check(subject, cancel, (message) => progress.report({ message })),
    );
    await this.show(findings, subject);
  };

  private async subject(folder: vscode.WorkspaceFolder | undefined): Promise<Subject> {
    const last = this.runner.lastIn(folder);
    const configuration = last?.configuration ?? (await askConfiguration(folder));
    const directory = directoryOf(folder, configuration ?? {});
    const written = replacedIn(clusterOfLaunch(configuration ?? {}), folder?.uri.fsPath ?? '');
    const named = last?.target ?? this.targets.named(folder, written, directory);
    return { folder, configuration, directory, cluster: withTarget(written, named === 'written' ? undefined : named) };
  }

  private async check(
    { folder, cluster, directory }: Subject,
    cancel: vscode.CancellationToken,
    progress: (message: string) => void,
  ): Promise<Finding[]> {
    const { inpod, trust, cwd } = tool(this.context, folder);
    const findings: Finding[] = [];
    const { code, stderr } = await run({
      inpod,
      args: ['check', '-o', 'json', ...trust, ...clusterFlags(cluster)],
      cwd: existsSync(directory) ? directory : cwd,
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

  private async offerCopy(text: string): Promise<void> {
    const chosen = await vscode.window.showInformationMessage(text, 'Copy Report');
    if (chosen !== undefined) await vscode.env.clipboard.writeText(this.content);
  }

  private async show(findings: Finding[], { folder, configuration, cluster, directory }: Subject): Promise<void> {
    const target = text(cluster, 'target');
    this.content = report(findings, {
      time: new Date().toISOString(),
      configuration: configuration?.name ?? '',
      target:
        target === ''
          ? configuredTarget(folder, directory)
          : describeTarget({ target, namespace: text(cluster, 'namespace') }),
      inpod: tool(this.context, folder).inpod,
      editor: `${vscode.env.appName} ${vscode.version}`,
      extension: text(this.context.extension.packageJSON as JsonObject, 'version'),
    });
    this.changes.fire(this.page);
    const document = await vscode.workspace.openTextDocument(this.page);
    await vscode.window.showTextDocument(await vscode.languages.setTextDocumentLanguage(document, 'markdown'), {
      preview: true,
    });
    this.log.background(this.offerCopy(`Inpod: ${summary(findings)}.`));
  }
}

/** Nothing has run yet: which configuration is meant matters only where they name different things of the cluster. */
async function askConfiguration(folder: vscode.WorkspaceFolder | undefined): Promise<Configuration | undefined> {
  const all = runnable(launchConfigurations(folder));
  const different = new Map(
    all.map((configuration) => [JSON.stringify(clusterOfLaunch(configuration)), configuration]),
  );
  if (different.size <= 1) return all[0];
  const items = all.map((configuration) => ({
    label: configuration.name,
    description: text(clusterOfLaunch(configuration), 'target'),
    configuration,
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: 'Diagnose: Which Launch Configuration?' });
  if (chosen === undefined) throw new Cancelled();
  return chosen.configuration;
}
