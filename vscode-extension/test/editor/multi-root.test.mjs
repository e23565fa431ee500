// A workspace of two folders: each has its own launch.json and settings, and a compound starts one configuration of each.
import assert from 'node:assert/strict';
import { editorTests } from './support/tests.mjs';
import { launchFile } from './support/workspace.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ developer, workspace, shop }) {
    const service = { type: 'inpod', request: 'launch', program: `${workspace.path}/build/service` };
    const target = (name) => JSON.stringify({ 'inpod.defaultTarget': `${shop.namespace}/${name}` });
    workspace.launch({ ...service, name: 'Web', args: ['8080'] });
    workspace.write('.vscode/settings.json', target('deployment/web'));
    developer.write('cart/.vscode/launch.json', launchFile([{ ...service, name: 'Client', args: ['8081'] }]));
    developer.write('cart/.vscode/settings.json', target('pod/client'));
    const compounds = [{ name: 'Both', configurations: ['Web', 'Client'], stopAll: true }];
    const launch = { version: '0.2.0', configurations: [], compounds };
    const file = { folders: [{ path: 'shop' }, { path: 'cart' }], launch };
    return { workspaceFile: developer.write('two.code-workspace', JSON.stringify(file, null, 2)) };
  },
});

async function stop(window) {
  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
}

scenario("settings are each folder's own", async ({ window }) => {
  for (const [configuration, target] of [
    ['Client (cart)', /pod\/client · mirror 8081/],
    ['Web (shop)', /deployment\/web · mirror 8080/],
  ]) {
    await window.debug.selectConfiguration(configuration);
    await window.command('Inpod: Run in Cluster');
    await window.status.says(target, 90_000);
    await stop(window);
  }
});

scenario(
  'a compound: all of its configurations run in the cluster, each in its target',
  async ({ window, picture }) => {
    await window.debug.selectConfiguration('Both (workspace)');
    await window.command('Inpod: Run in Cluster');
    await window.status.says(/2 cluster sessions/, 90_000);
    await window.cluster.show();
    await window.cluster.shows(/^8080 mirrored/);
    await window.cluster.shows(/^8081 mirrored/);
    await picture('compound');
    const texts = await window.cluster.texts();
    for (const target of ['deployment/web', 'pod/client'])
      assert.ok(
        texts.some((text) => text.startsWith(target)),
        texts.join('\n'),
      );
    await stop(window);
  },
);
