// The Cluster view shows what the session really does, its menus act, and both go away with the session.
import assert from 'node:assert/strict';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ workspace, shop }) {
    const service = { type: 'inpod', request: 'launch', program: '${workspaceFolder}/build/service', args: ['8080'] };
    const cluster = { target: 'deployment/web', namespace: shop.namespace };
    workspace.launch(
      { ...service, name: 'Mirror', cluster },
      { ...service, name: 'Steal', cluster: { ...cluster, incoming: { mode: 'steal' } } },
    );
  },
});

async function run(window, name) {
  await window.debug.selectConfiguration(name);
  await window.command('Inpod: Run in Cluster');
  await window.status.session.waitFor({ timeout: 60_000 });
  await window.cluster.show();
  await window.cluster.shows(/^8080 /, 60_000);
}

async function stop(window) {
  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
}

scenario('target, agent, port, files and environment are the true ones', async ({ window, picture, shop }) => {
  await run(window, 'Steal');
  assert.equal(await shop.requestToProgram('/seen'), 'by c++ /seen teal greeting: hello from the pod\n');
  await window.cluster.shows(/^8080 stolen · 1 request(?!s)/);
  for (let i = 0; i < 3; ++i) await shop.requestToProgram('/seen');
  await window.cluster.shows(/^8080 stolen · 4 requests/);

  const pod = await shop.podName();
  await window.cluster.shows(new RegExp(`deployment/web .*${shop.namespace}.*${pod}`));
  await window.cluster.shows(/^Agent .*round trip [\d.]+ m?s.*lease 300 s/);
  await window.cluster.expand('Remote files');
  await window.cluster.shows(/^\/etc\/web\/config\.yaml/);
  await window.cluster.expand('Environment');
  await window.cluster.shows(/^APP_COLOR/);
  await window.status.says(/deployment\/web · steal 8080/);
  await picture('session');
  const rows = await window.cluster.rows();
  for (const row of rows) assert.ok(row.label, `a name for screen readers: ${JSON.stringify(row)}`);
  assert.equal((await shop.agents()).filter((name) => name.startsWith('Job/')).length, 1);

  await stop(window);
  await eventually('the view forgets the session', async () => (await window.cluster.rows()).length === 0);
});

scenario("menus: copy, and open the pod's file read-only", async ({ window, picture, shop }) => {
  await run(window, 'Steal');
  await shop.requestToProgram('/menu');
  await window.cluster.expand('Remote files');
  await window.cluster.menu('/etc/web/config.yaml', 'Copy');
  await eventually('the path is in the clipboard', async () => (await window.clipboard()) === '/etc/web/config.yaml');
  await window.cluster.menu('/etc/web/config.yaml', /Open/);
  await eventually(
    "the pod's file is shown",
    async () => (await window.editor.lines())[0] === 'greeting: hello from the pod',
  );
  await picture('remote-file');
  await window.page.locator('.editor-instance .view-line').first().click();
  await window.page.keyboard.type('x');
  assert.equal((await window.editor.lines())[0], 'greeting: hello from the pod', 'the file is read-only');
  await stop(window);
});

scenario('menus: from steal to mirror and back', async ({ window, shop }) => {
  await run(window, 'Steal');
  await shop.requestToProgram('/stolen');
  await window.cluster.menu(/^8080/, /Stop Stealing/);
  await window.cluster.shows(/^8080 mirrored/);
  await window.status.says(/mirror 8080/);
  await shop.answeredByPod();
  await window.cluster.menu(/^8080/, /Steal This Port/);
  await window.cluster.shows(/^8080 stolen/);
  await shop.requestToProgram('/stolen-again');
  await stop(window);
  await shop.answeredByPod();
});

scenario('mirror: the program gets a copy, the pod answers', async ({ window, shop }) => {
  await run(window, 'Mirror');
  await eventually('a copy has come', async () => {
    assert.match(await shop.request('/copied'), /"by": "pod"/);
    return (await window.cluster.texts()).some((text) => /^8080 mirrored.* [1-9]\d* request/.test(text));
  });
  await window.status.says(/deployment\/web · mirror 8080/);
  await stop(window);
});
