// The commands beside the button: Diagnose, Show Log, Open Config and Select Target; what launch.json offers and checks;
// names for screen readers; and the themes. Each scenario stands for itself: a window after a failed one is a new user's.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ workspace, shop }) {
    workspace.launch(inWeb(shop));
  },
});

const service = {
  type: 'inpod',
  request: 'launch',
  name: 'Service',
  program: '${workspaceFolder}/build/service',
  args: ['8080'],
};
const inWeb = (shop) => ({ ...service, cluster: { target: 'deployment/web', namespace: shop.namespace } });

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

scenario('Diagnose: a report that can be read and copied', async ({ window, picture, shop }) => {
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
  await window.notifications.click(/\d+ checks/, 'Copy Report');
  await eventually('the report is in the clipboard', async () =>
    (await window.clipboard()).startsWith('# Inpod: Diagnose\n'),
  );
  const target = new RegExp(`Target: ${shop.namespace}/deployment/web$`); // launch.json's
  for (const part of [/checks/, /Launch configuration: Service/, target, /kubeconfig/, /deployment\/web.*pod/])
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
  workspace.launch(service);
  workspace.write('.inpod/config.yaml', 'incoming:\n  mode: steal\n');
  await window.command('Inpod: Run in Cluster');
  await window.status.says(/pod\/client · steal 8080/, 90_000);
  await window.debug.stop();
  await window.debug.ended();
});

scenario('Show Log shows what inpod said', async ({ window }) => {
  await window.command('Inpod: Show Log');
  const log = window.page.locator('.output-view .monaco-editor').first();
  await log.waitFor();
  await eventually('the whole log tells of the run', async () => {
    await log.click({ position: { x: 100, y: 50 } }); // only the lines in sight are in the page
    await window.page.keyboard.press('Control+a');
    await window.page.keyboard.press('Control+c');
    return /running in/.test(await window.clipboard());
  });
  await window.command('View: Toggle Panel Visibility');
});

scenario('launch.json: keys are offered, explained and checked', async ({ window, workspace, picture }) => {
  const lines = [
    '{',
    '  "version": "0.2.0",',
    '  "configurations": [',
    '    ',
    '    {',
    '      "type": "inpod",',
    '      "request": "launch",',
    '      "name": "Service",',
    '      "program": "${workspaceFolder}/build/service",',
    '      "cluster": {',
    '        "target": "deployment/web",',
    '        "incomming": {},',
    '        ',
    '      }',
    '    }',
    '  ]',
    '}',
  ];
  workspace.write('.vscode/launch.json', lines.join('\n'));
  await window.editor.open('launch.json');
  await window.editor.goto('13:9');
  await window.editor.offers('namespace', 'incoming', 'environment', 'files');
  await picture('completion');
  await window.page.keyboard.press('Escape');

  await window.editor.goto('4:5');
  await window.editor.offers('Inpod: Run in Cluster', 'Inpod: Run in Cluster, Stealing Requests');
  await window.page.keyboard.press('Escape');

  assert.match(await window.editor.hover('11:12'), /What to run in: pod\/NAME/);
  await window.page.keyboard.press('Escape');
  assert.match(await window.editor.hover('12:12'), /incomming is not allowed/);
  await picture('hover');
});

scenario('the walkthrough, with its pictures', async ({ window, picture }) => {
  await window.command('Welcome: Open Walkthrough...');
  await window.quick.pick('Run Your Program in the Cluster');
  const steps = window.page.locator('.gettingStartedContainer .getting-started-step');
  await steps.first().waitFor();
  const pictures = [['stopped.png'], ['pick.png', 'progress.png'], ['view.png', 'sessions.png'], ['error.png']];
  assert.equal(await steps.count(), pictures.length);
  for (const [at, names] of pictures.entries()) {
    await steps.nth(at).click();
    await eventually(`${names.join(' and ')} are shown`, async () => {
      const shown = await loadedPictures(window.page);
      return (
        names.every((name) => shown.some((source) => source.endsWith(`/${name}`))) || Promise.reject(new Error(shown))
      );
    });
    await picture(`walkthrough-${at + 1}`);
  }
});

/** Addresses of the pictures in the window's web views that were found and drawn. */
async function loadedPictures(page) {
  const found = await Promise.all(
    page
      .frames()
      .map((frame) =>
        frame
          .evaluate(() => [...document.images].filter((image) => image.naturalWidth > 100).map((image) => image.src))
          .catch(() => []),
      ),
  );
  return found.flat();
}

for (const theme of ['Default Light Modern', 'Default High Contrast']) {
  scenario(`in the theme ${theme}`, async ({ window, server, workspace, shop, picture }) => {
    workspace.launch(inWeb(shop));
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
      /Cluster session: deployment\/web/,
    );
    await window.debug.stop();
    await window.debug.ended();
    await window.status.session.waitFor({ state: 'detached' });
  });
}
