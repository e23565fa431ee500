// What goes wrong and what the user is told: what, why, how to fix it, and a button that does it. Nothing runs locally when
// the cluster's side has failed.
import assert from 'node:assert/strict';
import { editorTests } from './support/tests.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ workspace }) {
    const service = { type: 'inpod', request: 'launch', program: '${workspaceFolder}/build/service', args: ['8080'] };
    const web = { target: 'deployment/web' };
    workspace.launch(
      { ...service, name: 'Service', cluster: web },
      { ...service, name: 'Wrong context', cluster: { ...web, context: 'prod-eu' } },
      { ...service, name: 'Wrong target', cluster: { target: 'deployment/wbe' } },
      { ...service, name: 'Wrong key', cluster: { ...web, incomming: { mode: 'steal' } } },
      { ...service, name: 'No debugger', cluster: web, debugger: 'no-such-debugger' },
      { ...service, name: 'No program', cluster: web, program: '${workspaceFolder}/build/nothing' },
      {
        type: 'cppdbg',
        request: 'launch',
        name: 'No cpptools',
        program: '${workspaceFolder}/build/service',
        cluster: web,
      },
    );
  },
});

/** Runs a configuration that must fail: an error with all these words and a button by this name, and nothing that runs. */
async function fails({ window, picture, developer, shop }, configuration, words, button, name = configuration) {
  await window.debug.selectConfiguration(configuration);
  await window.command('Inpod: Run in Cluster');
  const [first, ...others] = words;
  const shown = await window.notifications.wait(first, 60_000);
  await picture(name.toLowerCase().replaceAll(' ', '-'));
  assert.equal(shown.severity, 'error');
  for (const word of others) assert.match(shown.text, word);
  assert.ok(shown.buttons.includes(button), `there is a button "${button}": ${JSON.stringify(shown)}`);
  await window.debug.ended();
  assert.equal(await window.dialog.count(), 0, 'the error comes once, and is no modal dialog');
  assert.ok(
    developer.processes().every(({ command }) => !command.includes('build/service')),
    'the program does not run',
  );
  assert.deepEqual(await shop.agents(), []);
  await window.notifications.click(first, button);
  await does[button](window);
}

/** What each button leads to. */
const does = {
  'Open Config': (window) => window.editor.tab('config.yaml').waitFor(),
  'Open launch.json': (window) => window.editor.tab('launch.json').waitFor(),
  Diagnose: (window) => window.editor.tab('Inpod Diagnose.md').waitFor({ timeout: 120_000 }),
  async 'Choose Target'(window) {
    await window.quick.row('deployment/web').waitFor();
    await window.quick.escape();
  },
};

scenario('a context that does not exist', async (context) => {
  await fails(context, 'Wrong context', [/prod-eu/, /context/], 'Open Config');
});

scenario('a target that does not exist: choose another', async (context) => {
  await fails(context, 'Wrong target', [/wbe/, /web/], 'Choose Target');
  assert.deepEqual(await context.shop.agents(), []);
});

scenario('a key that does not exist', async (context) => {
  await fails(context, 'Wrong key', [/incomming/, /incoming/], 'Open launch.json');
});

scenario('a debugger that is not installed', async (context) => {
  await fails(context, 'No debugger', [/no-such-debugger/], 'Open launch.json');
});

scenario('a type whose extension is not installed', async (context) => {
  await fails(context, 'No cpptools', [/cppdbg/, /ms-vscode\.cpptools/], 'Open launch.json');
});

scenario('a program that has not been built', async (context) => {
  await fails(context, 'No program', [/build\/nothing/], 'Open launch.json');
});

scenario('a kubeconfig that is not there', async (context) => {
  const { developer, shop } = context;
  developer.delete('.kube/config');
  try {
    await fails(context, 'Service', [/kubeconfig/], 'Diagnose', 'No kubeconfig');
  } finally {
    developer.useKubeconfig(await shop.kubeconfig());
  }
});

scenario('a right that is missing is named as the rule that grants it', async (context) => {
  const { developer, shop } = context;
  const rules =
    '- {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}\n' +
    '- {apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list]}\n';
  developer.useKubeconfig(await shop.limitedKubeconfig('no-jobs', rules));
  try {
    await fails(context, 'Service', [/jobs/, /create/, /batch/], 'Diagnose', 'Missing right');
  } finally {
    developer.useKubeconfig(await shop.kubeconfig());
  }
});
