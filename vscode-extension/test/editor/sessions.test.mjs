// More than one session in a window, and a session that is restarted.
import assert from 'node:assert/strict';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const { scenario } = editorTests(import.meta.url, {
  async prepare({ workspace, shop }) {
    const service = { type: 'inpod', request: 'launch', program: '${workspaceFolder}/build/service', args: ['8080'] };
    const cluster = { namespace: shop.namespace, incoming: { mode: 'steal' } };
    workspace.launch(
      { ...service, name: 'Web', cluster: { ...cluster, target: 'deployment/web' } },
      { ...service, name: 'Client', args: ['8081'], cluster: { ...cluster, target: 'pod/client' } },
    );
  },
});

async function run(window, name) {
  await window.debug.selectConfiguration(name);
  await window.command('Inpod: Run in Cluster');
  await window.status.session.waitFor({ timeout: 60_000 });
  await window.cluster.show();
}

scenario('two sessions at once, each with its own target', async ({ window, picture, shop }) => {
  await run(window, 'Web');
  await window.cluster.shows(/^8080 stolen/, 60_000);
  await run(window, 'Client');
  await window.cluster.shows(/^8081 stolen/, 60_000);
  await window.status.says(/2 cluster sessions/);
  assert.match(await shop.requestToProgram('/web'), /^by c\+\+ \/web teal/);
  const fromClient = await eventually('the second program answers', async () =>
    (
      await shop.kubectl([
        'exec',
        'deployment/web',
        '--',
        'curl',
        '-sS',
        '-m',
        '10',
        `http://${await shop.podIp('client')}:8081/client`,
      ])
    ).trim(),
  );
  assert.equal(fromClient, 'by c++ /client no color');
  await window.cluster.shows(/^8080 stolen.* [1-9]\d* request/);
  await window.cluster.shows(/^8081 stolen.* [1-9]\d* request/);
  await picture('two');
  const texts = await window.cluster.texts();
  assert.ok(
    texts.some((text) => text.startsWith('deployment/web')) && texts.some((text) => text.startsWith('pod/client')),
    texts.join('\n'),
  );

  // Stopping one leaves the other.
  await window.debug.stop();
  await eventually(
    'one session is left',
    async () => (await window.cluster.texts()).filter((text) => /^808\d/.test(text)).length === 1,
  );
  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
  await shop.answeredByPod();
});

scenario('restart: the program anew, in the cluster, on the same agent', async ({ window, shop, workspace }) => {
  await run(window, 'Web');
  await shop.requestToProgram('/first');
  const agents = await shop.agents();
  await window.debug.restart();
  await eventually(
    'the restarted program serves',
    async () => {
      const texts = await window.cluster.texts();
      return (
        texts.some((text) => /^8080 stolen/.test(text)) &&
        (await shop.request('/second')).startsWith('by c++ /second teal')
      );
    },
    60_000,
  );
  assert.deepEqual(await shop.agents(), agents, 'the agent is still the same');

  // A breakpoint set after the restart is hit.
  await window.editor.open('service.cpp');
  await window.editor.clickGutter(workspace.breakpoint);
  const answer = shop.request('/third');
  assert.equal((await window.editor.stoppedLine()).line, workspace.breakpoint);
  assert.match((await window.debug.variables('path')).path, /\/third/);
  await window.debug.continue();
  assert.match(await answer, /^by c\+\+ \/third/);
  await window.editor.clickGutter(workspace.breakpoint, { set: false });
  await window.debug.stop();
  await window.debug.ended();
});
