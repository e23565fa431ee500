// "Run in Cluster" and "Run in Cluster Again", and what they and F5 on a configuration of type "inpod" do to a launch
// configuration while VS Code resolves it. Nothing is started when anything here fails: the configuration is then withdrawn.
//
// First VS Code hands a configuration over as it is written (`resolveDebugConfiguration`): the target is settled, before
// anything is built. Then, with variables replaced, tasks run and the debugger's own extension through with it
// (`…WithSubstitutedVariables`), it is rewritten, or gets the session's environment.

import { randomUUID } from 'node:crypto';
import { dirname, isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import {
  checkCluster,
  clusterOf,
  clusterOfLaunch,
  describeTarget,
  withTarget,
  type TargetChoice,
} from '../core/cluster';
import {
  kindOf,
  nativeFamily,
  refusal,
  runMark,
  sessionMark,
  sessionName,
  settledMark,
  wrap,
  type Configuration,
} from '../core/configurations';
import { debuggerFor } from '../core/debuggers';
import { programOf, unfitForTerminal, withEnvironment } from '../core/environment';
import { EnvironmentSession } from '../core/environmentSession';
import { InpodError, type Cancelled } from '../core/errors';
import { either, isExecutable, onPath, type Cancellation } from '../core/inpod';
import { isObject, objectOf, text, without, type JsonObject } from '../core/json';
import { runnable } from '../core/launchFile';
import { Runs, type Run } from '../core/runs';
import { replaced } from '../core/variables';
import schema from '../../schemas/config.json';
import { configuredTarget } from './configFile';
import type { Failures } from './failures';
import { compounded, launchConfigurations } from './launch';
import type { Log } from './log';
import type { Sessions } from './sessions';
import { folderOf, tool } from './settings';
import type { Targets } from './targets';

type Folder = vscode.WorkspaceFolder | undefined;

/** What is kept of the last run. Its configuration is read anew, as it may have been edited. */
interface LastRun {
  folder: string | undefined;
  name: string;
  target?: TargetChoice;
}

/** Workspace state: the configurations whose programs are to have the environment alone, each as `environmentKey` says. */
const environmentOnly = 'environmentOnly';
const environmentKey = (folder: Folder, { type, name }: Configuration): string =>
  `${folder?.uri.toString() ?? ''} ${type} ${name}`;

export class Runner implements vscode.DebugConfigurationProvider {
  private readonly runs = new Runs();
  private last: LastRun | undefined;
  /** The last run's, for one that is not in launch.json. It may hold secrets, so it is not stored. */
  private lastConfiguration: Configuration | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: Log,
    private readonly failures: Failures,
    private readonly targets: Targets,
    private readonly sessions: Sessions,
  ) {
    this.last = context.workspaceState.get<LastRun>('lastRun');
  }

  /** Runs the launch configuration that is selected in the Run and Debug view. */
  async runSelected(resource?: vscode.Uri): Promise<void> {
    const folder = folderOf(resource);
    tool(this.context, folder);
    if (runnable(launchConfigurations()).length === 0) throw nothingToRun();
    await this.during(this.runs.begin(), (mark) =>
      vscode.commands.executeCommand('workbench.action.debug.start', { config: mark }),
    );
  }

  /** The last run once more, with the same target. */
  async runAgain(): Promise<void> {
    await this.start(this.last?.target);
  }

  /** The last run, with a target that is asked for now. */
  async runWithOtherTarget(): Promise<void> {
    const folder = this.lastFolder();
    const target = await this.targets.pick(folder, clusterOfLaunch(this.lastIn(folder)?.configuration ?? {}));
    await this.start(target);
  }

  async resolveDebugConfiguration(
    folder: Folder,
    configuration: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    if (configuration[sessionMark] !== undefined || configuration[settledMark] === true) return configuration;
    const run = this.runs.take(configuration, compounded);
    if (run === undefined && !isOwnLaunch(configuration)) return configuration;
    return this.orNothing(folder, () => this.settle(folder, configuration, run));
  }

  async resolveDebugConfigurationWithSubstitutedVariables(
    folder: Folder,
    configuration: vscode.DebugConfiguration,
    token?: vscode.CancellationToken,
  ): Promise<vscode.DebugConfiguration | undefined> {
    if (configuration[sessionMark] !== undefined) return configuration;
    const run = this.runs.finish(configuration);
    if (run === undefined || kindOf(configuration.type) === 'own') return configuration;
    return this.orNothing(folder, () => this.rewrite(folder, configuration, token));
  }

  /** The configuration that ran last in a folder, as it is written now, and the target that was chosen for it. */
  lastIn(folder: Folder): { configuration: Configuration; target: TargetChoice | undefined } | undefined {
    const { last } = this;
    if (last === undefined || last.folder !== folder?.uri.toString()) return undefined;
    const written = launchConfigurations(folder).configurations.find(({ name }) => name === last.name);
    const configuration = written ?? this.lastConfiguration;
    return configuration && { configuration, target: last.target };
  }

  private lastFolder(): Folder {
    return vscode.workspace.workspaceFolders?.find((folder) => folder.uri.toString() === this.last?.folder);
  }

  private async start(target: TargetChoice | undefined): Promise<void> {
    const folder = this.lastFolder();
    tool(this.context, folder);
    const last = this.lastIn(folder);
    if (last === undefined) return this.runSelected();
    await this.during(this.runs.begin(target), (mark) =>
      vscode.debug.startDebugging(folder, { ...last.configuration, ...mark }),
    );
  }

  private async during(run: Run, start: (mark: JsonObject) => Thenable<unknown>): Promise<void> {
    try {
      await start({ [runMark]: run.id });
    } finally {
      this.runs.end(run);
    }
  }

  /** Undefined makes VS Code drop the launch silently; the reason has been shown by then. */
  private async orNothing<R>(folder: Folder, work: () => Promise<R>): Promise<R | undefined> {
    try {
      return await work();
    } catch (error) {
      this.failures.show(error, folder, {
        chooseTarget: () => this.retry(folder, () => this.runWithOtherTarget()),
        environmentOnly: () => this.retry(folder, () => this.runWithEnvironmentOnly(folder)),
      });
      return undefined;
    }
  }

  private async retry(folder: Folder, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.failures.show(error, folder);
    }
  }

  /** The last run once more, and from now on: the user has been told what the program then has not. */
  private async runWithEnvironmentOnly(folder: Folder): Promise<void> {
    const last = this.lastIn(folder);
    if (last === undefined) return;
    const agreed = new Set(this.context.workspaceState.get<string[]>(environmentOnly));
    agreed.add(environmentKey(folder, last.configuration));
    await this.context.workspaceState.update(environmentOnly, [...agreed]);
    await this.start(last.target);
  }

  private intercepts(folder: Folder, configuration: Configuration): boolean {
    const agreed = this.context.workspaceState.get<string[]>(environmentOnly) ?? [];
    const agreement = agreed.includes(environmentKey(folder, configuration));
    return !agreement && text(clusterOf(configuration), 'interception') !== 'none';
  }

  /** A launch has failed within `inpod dap`. */
  launchFailed(error: InpodError | Cancelled, session: vscode.DebugSession): void {
    this.failures.show(error, session.workspaceFolder, {
      chooseTarget: () => this.retry(session.workspaceFolder, () => this.runWithOtherTarget()),
    });
  }

  private async settle(folder: Folder, configuration: Configuration, run: Run | undefined): Promise<Configuration> {
    tool(this.context, folder);
    const refused = refusal(configuration);
    if (refused !== undefined) throw refused;
    const own = kindOf(configuration.type) === 'own';
    const cluster = clusterOfLaunch(configuration);
    checkCluster(cluster, schema);
    this.remember(folder, configuration, run?.target);
    const choice = run?.target ?? (await this.targets.forLaunch(folder, cluster, directoryOf(folder, configuration)));
    this.remember(folder, configuration, choice);
    const whole = withTarget(cluster, choice);
    const settled = { ...configuration, cluster: whole, [settledMark]: true };
    const target = choice === undefined ? targetOf(folder, settled) : describeTarget(choice);
    this.log.info(`${configuration.name}: running in ${target}`);
    if (own)
      return run === undefined
        ? settled
        : { ...settled, name: sessionName(configuration.name, targetOf(folder, settled)) };
    // Where no extension brings the type, VS Code would refuse it before its time.
    return isInstalled(configuration.type) ? settled : { ...this.wrapped(folder, settled), [settledMark]: true };
  }

  private remember(folder: Folder, configuration: Configuration, target: TargetChoice | undefined): void {
    const { name } = configuration;
    this.last = { folder: folder?.uri.toString(), name, ...(target === undefined ? {} : { target }) };
    this.lastConfiguration = without(configuration, runMark);
    this.log.background(this.context.workspaceState.update('lastRun', this.last));
  }

  private async rewrite(
    folder: Folder,
    configuration: Configuration,
    token?: vscode.CancellationToken,
  ): Promise<Configuration> {
    const family = nativeFamily(configuration.type);
    return family === undefined ? this.wrapped(folder, configuration) : this.native(folder, configuration, token);
  }

  private wrapped(folder: Folder, configuration: Configuration): Configuration {
    const cluster = clusterOf(configuration);
    const choice = debuggerFor(configuration, {
      extensionPath: (id) => vscode.extensions.getExtension(id)?.extensionPath,
      isExecutable,
      setting: (name) => vscode.workspace.getConfiguration().get<string>(name),
    });
    const outer = wrap(configuration, cluster, choice);
    return { ...outer, name: sessionName(configuration.name, targetOf(folder, configuration)) };
  }

  private async native(
    folder: Folder,
    configuration: Configuration,
    token?: vscode.CancellationToken,
  ): Promise<Configuration> {
    const family = nativeFamily(configuration.type);
    if (family === undefined) return configuration;
    const id = randomUUID();
    const title = `Run in Cluster: ${configuration.name}`;
    const program = this.intercepts(folder, configuration) ? programOf(configuration, family) : undefined;
    const session = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      (progress, cancel) => {
        return this.startEnvironment(
          folder,
          configuration,
          id,
          program,
          (message) => progress.report({ message }),
          token === undefined ? cancel : either(cancel, token),
        );
      },
    );
    this.sessions.add(id, configuration.name, session);
    const name = sessionName(configuration.name, targetOf(folder, configuration));
    const unfit = unfitForTerminal(configuration, family, session.environment);
    if (unfit.length > 0) {
      const many = unfit.length > 1 ? `${unfit.length} variables` : 'a variable';
      const note = `${configuration.name}: ${many} of the pod can't go through a terminal and did not (${unfit.slice(0, 8).join(', ')}). "console": "internalConsole" brings all.`;
      this.log.info(note);
      void vscode.window.showWarningMessage(note);
    }
    return withEnvironment(
      { ...without(configuration, runMark, settledMark, 'cluster'), name, [sessionMark]: id },
      family,
      session.environment,
    );
  }

  private startEnvironment(
    folder: Folder,
    configuration: Configuration,
    id: string,
    program: string | undefined,
    progress: (message: string) => void,
    cancel: Cancellation,
  ): Promise<EnvironmentSession> {
    const { inpod, flags, trust } = tool(this.context, folder);
    const path = program === undefined || program.includes('/') ? program : onPath(program);
    if (path === undefined && program !== undefined) {
      throw new InpodError(
        `The program ${program} of "${configuration.name}" is not on PATH`,
        'install it, or name it with its path',
        ['openLaunch'],
      );
    }
    return EnvironmentSession.start({
      inpod,
      flags,
      trust,
      program: path,
      cluster: { ...clusterOf(configuration), ...(program === undefined ? { interception: 'none' } : {}) },
      cwd: directoryOf(folder, configuration),
      progress: (_stage, what) => {
        this.log.info(what);
        progress(what);
      },
      event: (event) => {
        const kind = text(event, 'event');
        if (kind === 'config' || kind === 'note') this.log.info(text(event, 'text'));
        this.sessions.event(id, event);
      },
      log: this.log.line,
      cancel,
    });
  }
}

function nothingToRun(): InpodError {
  return new InpodError(
    'There is no launch configuration that can run in the cluster',
    'add one to launch.json: of type inpod, or of a C, C++, Rust, Node.js, Python or Go debugger, with "request": "launch"',
    ['openLaunch'],
  );
}

/** F5 on a configuration of our own type; null and false switch the session off. */
function isOwnLaunch(configuration: vscode.DebugConfiguration): boolean {
  if (configuration.type !== 'inpod' || configuration.request !== 'launch') return false;
  const nested = objectOf(configuration['configuration']);
  const cluster: unknown = 'cluster' in configuration ? configuration['cluster'] : nested['cluster'];
  return cluster !== null && cluster !== false;
}

function isInstalled(type: string): boolean {
  return vscode.extensions.all.some((extension) => {
    const { contributes } = objectOf(extension.packageJSON) as { contributes?: { debuggers?: unknown } };
    const debuggers = contributes?.debuggers;
    return Array.isArray(debuggers) && debuggers.some((item) => isObject(item) && item['type'] === type);
  });
}

/** The target that `inpod` will find: in `cluster`, else in the config file. */
function targetOf(folder: Folder, configuration: JsonObject): string {
  return text(clusterOf(configuration), 'target') || configuredTarget(folder, directoryOf(folder, configuration));
}

/** Where `inpod` will look for the config file: the program's working directory, or where the program is. */
export function directoryOf(folder: Folder, configuration: JsonObject): string {
  const root = folder?.uri.fsPath ?? process.cwd();
  const inner = isObject(configuration['configuration']) ? configuration['configuration'] : configuration;
  const cwd = replaced(text(inner, 'cwd'), root);
  const place = cwd === '' ? dirname(replaced(text(inner, 'program'), root)) : cwd;
  return isAbsolute(place) && !place.includes('${') ? place : root;
}
