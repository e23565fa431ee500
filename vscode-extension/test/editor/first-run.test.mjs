// A new user's first minutes: the folder is not trusted yet; then one button, a target picked from what the cluster has, a
// breakpoint in the gutter, a request from another pod, the yellow line, variables, and the pod's client gets the answer.
import assert from 'node:assert/strict';
import { addAdapterExtension } from './support/adapter-extensions.mjs';
import { editorTests } from './support/tests.mjs';

const { scenario } = editorTests(import.meta.url, {
  async prepare({ developer, workspace, shop }) {
    addAdapterExtension(developer, 'lldb-dap');
    // As a user has it who debugs locally: nothing in it is about clusters.
    workspace.launch({
      type: 'lldb-dap',
      request: 'launch',
      name: 'Debug service',
      program: '${workspaceFolder}/build/service',
      args: ['8080'],
    });
    // A developer of this service wants its requests; that is the team's config, not the launch configuration's.
    workspace.write('.inpod/config.yaml', 'incoming:\n  mode: steal\n');
    await shop.addNeighbours();
    return { trusted: false };
  },
});

scenario(
  'from an untrusted folder to a breakpoint on a request of another pod',
  async ({ window, picture, workspace, shop }) => {
    await window.trustFolder();
    await window.editor.open('service.cpp');
    await window.editor.clickGutter(workspace.breakpoint);
    await window.status.run.waitFor({ timeout: 30_000 });
    await picture('1-button');

    await window.status.run.click();
    await window.quick.row(/^deployment\//).waitFor({ timeout: 60_000 });
    await picture('2-pick');
    await window.quick.filter(shop.namespace);
    const rows = await window.quick.rows();
    const offered = (label) => rows.find((row) => row.label === label && row.description.startsWith(shop.namespace));
    for (const label of ['deployment/web', 'deployment/cart', 'statefulset/orders', 'daemonset/log-shipper']) {
      assert.match(offered(label)?.description ?? JSON.stringify(rows), /· (\d)\/\1 ready · \d+[smh]$/, label);
    }
    assert.ok(
      rows.some((row) => row.separator === `${shop.namespace} · deployments`),
      'targets are grouped by namespace and kind',
    );
    await window.quick.filter('deployment/web');
    await window.quick.pick(new RegExp(`^deployment/web *${shop.namespace}`));

    await window.debug.started();
    const answer = shop.requestToProgram('/cart');
    const stopped = await window.editor.stoppedLine(60_000);
    assert.equal(stopped.file, 'service.cpp');
    assert.equal(stopped.line, workspace.breakpoint);
    assert.match(stopped.text, /^std::string answer/);
    assert.match(stopped.color, /^rgba\(255, 255, 0/);
    const variables = await window.debug.variables('greeting');
    assert.match(variables.path, /"\/cart"/);
    assert.match(variables.color, /"teal"/);
    assert.match(variables.greeting, /hello from the pod/);
    assert.match((await window.debug.callStack(3))[0], /handle.*service\.cpp/);
    await picture('3-stopped');

    await window.debug.continue();
    assert.equal(await answer, 'by c++ /cart teal greeting: hello from the pod\n');
    await window.debug.stop();
    await window.debug.ended();
    await shop.answeredByPod();

    // The target is remembered, and again needs no question; also after the window was closed.
    await window.editor.clickGutter(workspace.breakpoint, { set: false });
    await again(window, shop, 'Inpod: Run in Cluster Again');
    await window.reload();
    await window.status.run.waitFor();
    await again(window, shop, 'Inpod: Run in Cluster');
  },
);

async function again(window, shop, command) {
  await window.command(command);
  await window.debug.started();
  assert.equal(await shop.requestToProgram('/again'), 'by c++ /again teal greeting: hello from the pod\n');
  await window.status.says(/deployment\/web · steal 8080/);
  await window.command('Inpod: Stop Session');
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
  await shop.answeredByPod();
}
