// Cancel, at each stage of a start: nothing runs afterwards, neither here nor in the cluster. A gate in front of the API
// server (and, for the last stage, a debug adapter that says nothing) holds the start at the stage that is meant.
import assert from 'node:assert/strict';
import { ApiGate } from './support/api-gate.mjs';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';
import { after } from 'node:test';

let gate;
after(() => gate?.close());

const muteGdb = new URL('adapters/mute-gdb.mjs', import.meta.url).pathname;

const { scenario } = editorTests(import.meta.url, {
  async prepare({ developer, workspace, shop }) {
    gate = await ApiGate.open(shop);
    developer.useKubeconfig(gate.kubeconfig);
    const service = { type: 'inpod', request: 'launch', program: '${workspaceFolder}/build/service', args: ['8080'] };
    const adapter = developer.copy(muteGdb, 'mute-gdb.mjs');
    workspace.launch(
      { ...service, name: 'Service', cluster: { target: 'deployment/web' } },
      {
        ...service,
        name: 'Service, mute debugger',
        cluster: { target: 'deployment/web' },
        debugger: { command: 'node', args: [adapter], type: 'gdb' },
      },
      { ...service, name: 'Service, no target' },
    );
  },
});

/** Starts, waits until the start stands at the stage and says so, cancels there, and sees that nothing is left. */
async function cancelAt({ window, picture, shop, developer }, stage, configuration, standing, says) {
  await window.debug.selectConfiguration(configuration);
  await window.command('Inpod: Run in Cluster');
  await standing;
  const progress = await window.notifications.wait(says);
  assert.match(progress.text, /^Run in Cluster: /);
  assert.deepEqual(progress.buttons, ['Cancel']);
  await picture(stage);
  await window.notifications.click(says, 'Cancel');
  await window.notifications.gone('Run in Cluster');
  gate.pass();
  await nothingRuns({ window, developer });
  await shop.noAgent();
  assert.deepEqual(await window.notifications.texts(), [], 'who cancels is told nothing more');
}

async function nothingRuns({ window, developer }) {
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
  await eventually('inpod and the program have ended', () =>
    developer.processes().every(({ command }) => !/bin\/inpod |build\/service|mute-gdb/.test(command)),
  );
}

scenario('while the target is looked for', async (context) => {
  await cancelAt(context, 'cluster', 'Service', gate.hold(/\/deployments\/web/), 'Looking for deployment/web');
});

scenario('while the agent is made', async (context) => {
  await cancelAt(context, 'agent-made', 'Service', gate.hold(/^POST .*\/jobs/), 'creating the agent');
});

scenario('while the agent starts', async (context) => {
  await cancelAt(context, 'agent-starts', 'Service', gate.hold(/\/attach\?/), 'waiting for the agent');
});

scenario('while the agent is connected to', async (context) => {
  await cancelAt(context, 'agent-connects', 'Service', gate.hold(/\/portforward/), 'sending the agent');
});

scenario('while the environment is read', async (context) => {
  await cancelAt(
    context,
    'environment',
    'Service',
    gate.hold(/\/portforward/, { after: 128 }), // behind the greeting comes the welcome
    "Reading the pod's environment",
  );
});

scenario('Escape in the list of targets', async ({ window, shop, developer }) => {
  await window.debug.selectConfiguration('Service, no target');
  await window.command('Inpod: Run in Cluster');
  await window.quick.row('deployment/web').waitFor();
  await window.quick.escape();
  await nothingRuns({ window, developer });
  assert.deepEqual(await window.notifications.texts(), []);
  assert.deepEqual(await shop.agents(), []);
});

scenario('Stop Session does the same as Cancel', async ({ window, shop, developer }) => {
  const held = gate.hold(/\/attach\?/);
  await window.debug.selectConfiguration('Service');
  await window.command('Inpod: Run in Cluster');
  await held;
  await window.command('Inpod: Stop Session');
  gate.pass();
  await nothingRuns({ window, developer });
  await shop.noAgent();
});

scenario('while the debugger is prepared', async (context) => {
  await cancelAt(context, 'debugger', 'Service, mute debugger', Promise.resolve(), 'starting service');
});
