// Puts the parts together: commands, debug type, view, status bar. What each does is in src/ui, what can be tested without
// an editor in src/core.

import * as vscode from 'vscode';
import { sessionMark } from './core/configurations';
import { isObject } from './core/json';
import { AdapterFactory } from './ui/adapter';
import { openConfig } from './ui/configFile';
import { Diagnose } from './ui/diagnose';
import { Failures } from './ui/failures';
import { Log } from './ui/log';
import { RemoteFiles, scheme } from './ui/remoteFiles';
import { Runner } from './ui/runner';
import { Sessions } from './ui/sessions';
import { folderOf } from './ui/settings';
import { Status } from './ui/status';
import { Targets } from './ui/targets';
import { ClusterView } from './ui/view';

export function activate(context: vscode.ExtensionContext): void {
  const log = new Log();
  const failures = new Failures(log);
  const targets = new Targets(context, log);
  const sessions = new Sessions(log);
  const runner = new Runner(context, log, failures, targets, sessions);
  const view = new ClusterView(sessions, log);
  const diagnose = new Diagnose(context, targets, runner, log);
  const files = new RemoteFiles(sessions, log);
  const adapters = new AdapterFactory(context, log, sessions, (error, session) => runner.launchFailed(error, session));

  const command = (id: string, work: (argument?: never) => Promise<unknown>): vscode.Disposable =>
    vscode.commands.registerCommand(`inpod.${id}`, failures.wrap(work));

  context.subscriptions.push(
    log,
    sessions,
    view,
    diagnose,
    files,
    new Status(sessions, log),
    vscode.debug.registerDebugConfigurationProvider('*', runner),
    vscode.debug.registerDebugConfigurationProvider('inpod', {
      provideDebugConfigurations: () => [firstConfiguration],
    }),
    vscode.debug.registerDebugAdapterDescriptorFactory('inpod', adapters),
    vscode.debug.registerDebugAdapterTrackerFactory('*', {
      createDebugAdapterTracker: (session) => tracker(session, sessions),
    }),
    vscode.workspace.registerFileSystemProvider(scheme, files, { isReadonly: true, isCaseSensitive: true }),
    command('runInCluster', (resource?: unknown) =>
      runner.runSelected(resource instanceof vscode.Uri ? resource : undefined),
    ),
    command('runInClusterAgain', () => runner.runAgain()),
    command('selectTarget', async () => (await targets.pick(folderOf())).target),
    command('stopSession', view.stop),
    command('showLog', () => {
      log.show();
      return Promise.resolve();
    }),
    command('diagnose', (resource?: unknown) => diagnose.run(resource instanceof vscode.Uri ? resource : undefined)),
    command('openConfig', (resource?: unknown) =>
      openConfig(folderOf(resource instanceof vscode.Uri ? resource : undefined)),
    ),
    command('stopStealing', view.setMode('mirror')),
    command('startStealing', view.setMode('steal')),
    command('copyItem', view.copy),
    command('openRemoteFile', view.openFile),
    command('showCluster', view.show),
  );
}

/** What a new launch.json starts with. */
const firstConfiguration: vscode.DebugConfiguration = {
  type: 'inpod',
  request: 'launch',
  name: 'Run in Cluster',
  program: '${workspaceFolder}/build/app',
  args: [],
  cluster: {},
};

/** Learns of restarts of the debuggers that only have their environment from us. */
function tracker(session: vscode.DebugSession, sessions: Sessions): vscode.DebugAdapterTracker | undefined {
  const id: unknown = session.configuration[sessionMark];
  if (typeof id !== 'string') return undefined;
  return {
    onWillReceiveMessage: (message: unknown) => {
      if (!isObject(message) || (message['command'] !== 'disconnect' && message['command'] !== 'terminate')) return;
      const args = message['arguments'];
      if (isObject(args) && args['restart'] === true) sessions.restarting(id);
    },
  };
}
