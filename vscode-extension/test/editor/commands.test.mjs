// The commands beside the button: Diagnose, Show Log, Open Config and Select Target; what launch.json offers; names for
// screen readers; and the themes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ workspace, shop }) {
    workspace.launch({
      type: 'inpod',
      request: 'launch',
      name: 'Service',
      program: '${workspaceFolder}/build/service',
      args: ['8080'],
      cluster: { target: 'deployment/web', namespace: shop.namespace },
    });
  },
});

scenario('every command is in the palette, by its name', async ({ window }) => {
  const titles = await window.quick.offered('Inpod: ');
  for (const title of [
    'Run in Cluster',
    'Run in Cluster Again',
    'Select Target',
    'Show Log',
    'Diagnose',
    'Open Config',
  ]) {
    assert.ok(titles.includes(`Inpod: ${title}`), `${title}: ${titles.join(', ')}`);
  }
});

scenario('Open Config makes a file with comments', async ({ window, workspace, picture }) => {
  await window.command('Inpod: Open Config');
  await window.editor.tab('config.yaml').waitFor();
  const text = await eventually('the file', () => readFileSync(`${workspace.path}/.inpod/config.yaml`, 'utf8'));
  assert.match(text, /^#/m);
  assert.match(text, /target/);
  await picture('config');
});

scenario('Diagnose: a report that can be read and copied', async ({ window, picture }) => {
  await window.command('Inpod: Diagnose');
  const report = await eventually(
    'the report',
    async () => {
      const lines = await window.editor.lines();
      return lines[0] === '# Inpod: Diagnose' && lines;
    },
    120_000,
  );
  await picture('diagnose');
  for (const part of [/checks/, /Target:/, /kubeconfig/])
    assert.ok(
      report.some((line) => part.test(line)),
      `${part} in\n${report.join('\n')}`,
    );
});

scenario('Select Target is remembered for the next run', async ({ window, workspace, shop }) => {
  await window.command('Inpod: Select Target');
  await window.quick.row(/^deployment\/web/).waitFor({ timeout: 60_000 });
  await window.quick.filter('pod/client');
  await window.quick.pick(new RegExp(`^pod/client *${shop.namespace}`));
  await window.quick.widget.waitFor({ state: 'hidden' });
  workspace.launch({
    type: 'inpod',
    request: 'launch',
    name: 'Service',
    program: '${workspaceFolder}/build/service',
    args: ['8080'],
  });
  workspace.write('.inpod/config.yaml', 'incoming:\n  mode: steal\n');
  await window.command('Inpod: Run in Cluster');
  await window.status.says(/pod\/client · steal 8080/, 90_000);
  await window.debug.stop();
  await window.debug.ended();
});

scenario('Show Log shows what inpod said', async ({ window }) => {
  await window.command('Inpod: Show Log');
  const lines = window.page.locator('.output-view .view-line');
  await lines.first().waitFor();
  await eventually('the log has lines', async () =>
    (await lines.allTextContents()).some((line) => /pod.client/.test(line)),
  );
  await window.command('View: Close Panel');
});

for (const theme of ['Default Light Modern', 'Default High Contrast']) {
  scenario(`in the theme ${theme}`, async ({ window, server, picture }) => {
    server.set({ 'workbench.colorTheme': theme });
    await window.command('Inpod: Run in Cluster');
    await window.status.session.waitFor({ timeout: 90_000 });
    await window.cluster.show();
    await window.cluster.shows(/^8080 /);
    await window.editor.open('service.cpp');
    await picture(theme.split(' ')[1].toLowerCase());
    assert.equal(await window.status.run.getByRole('button').getAttribute('aria-label'), 'Run in Cluster');
    assert.match(
      await window.status.session.getByRole('button').getAttribute('aria-label'),
      /Cluster session: pod\/client/,
    );
    await window.debug.stop();
    await window.debug.ended();
    await window.status.session.waitFor({ state: 'detached' });
  });
}
