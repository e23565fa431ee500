// F5 means what it always meant: the program runs on this machine, and the cluster hears nothing of it.
import assert from 'node:assert/strict';
import { addAdapterExtension } from './support/adapter-extensions.mjs';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ developer, workspace }) {
    addAdapterExtension(developer, 'lldb-dap');
    const program = { program: '${workspaceFolder}/build/service', args: ['18099'] };
    workspace.launch(
      { type: 'lldb-dap', request: 'launch', name: 'Debug service', ...program },
      { type: 'inpod', request: 'launch', name: 'Own type, no cluster', ...program, cluster: null },
    );
    workspace.write('.inpod/config.yaml', 'target: deployment/web\n');
  },
});

async function runsHere(window, shop, name) {
  await window.debug.selectConfiguration(name);
  await window.debug.start();
  await window.debug.started();
  const answer = await eventually('the program answers on this machine', async () =>
    (await fetch('http://127.0.0.1:18099/local')).text(),
  );
  assert.equal(answer, 'by c++ /local no color \n');
  assert.equal(await window.status.session.count(), 0);
  assert.deepEqual(await shop.agents(), []);
  await window.debug.stop();
  await window.debug.ended();
}

scenario('F5 on a local configuration stays local', async ({ window, shop }) => {
  await runsHere(window, shop, 'Debug service');
});

scenario('F5 stays local after the same configuration ran in the cluster', async ({ window, shop }) => {
  await window.debug.selectConfiguration('Debug service');
  await window.command('Inpod: Run in Cluster');
  await window.status.session.waitFor({ timeout: 60_000 });
  await window.debug.started();
  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
  // Its agent waits for the next launch; it is not asked to.
  await shop.kubectl(['delete', 'jobs', '-l', 'app.kubernetes.io/managed-by=inpod', '--cascade=background']);
  await shop.noAgent();
  await runsHere(window, shop, 'Debug service');
});

scenario('the type inpod with "cluster": null runs here', async ({ window, shop }) => {
  await runsHere(window, shop, 'Own type, no cluster');
});
