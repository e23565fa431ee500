// Restricted Mode: nothing runs and nothing is connected to; the user is told so and led to where it is changed; what needs
// no running works. Then the folder is trusted, and the same button works.
import assert from 'node:assert/strict';
import { editorTests } from './support/tests.mjs';

const { scenario } = editorTests(import.meta.url, {
  prepare({ workspace, shop }) {
    workspace.write(
      '.vscode/launch.json',
      [
        '{',
        '  "version": "0.2.0",',
        '  "configurations": [{',
        '    "type": "inpod",',
        '    "request": "launch",',
        '    "name": "Service",',
        '    "program": "${workspaceFolder}/build/service",',
        '    "args": ["8080"],',
        '    "cluster": {',
        `      "target": "deployment/web", "namespace": "${shop.namespace}",`,
        '      ',
        '    }',
        '  }]',
        '}',
      ].join('\n'),
    );
    return { trusted: false };
  },
});

scenario('in a folder that is not trusted, and after it is', async ({ window, picture, developer, shop }) => {
  await window.trustFolder(false);
  await window.editor.open('launch.json');
  await window.editor.goto('11:7');
  await window.editor.offers('incoming', 'environment');
  await window.page.keyboard.press('Escape');
  for (const command of ['Run in Cluster', 'Select Target', 'Diagnose']) {
    await window.command(`Inpod: ${command}`);
    const shown = await window.notifications.wait(/not trusted/);
    assert.equal(shown.severity, 'error');
    assert.deepEqual(shown.buttons, ['Manage Workspace Trust']);
    if (command === 'Run in Cluster') await picture('restricted');
    if (command !== 'Diagnose') await window.notifications.clear();
  }
  assert.ok(developer.processes().every(({ command }) => !/bin\/inpod |build\/service/.test(command)));
  assert.deepEqual(await shop.agents(), []);

  await window.notifications.click(/not trusted/, 'Manage Workspace Trust');
  await window.page.locator('.workspace-trust-editor').getByRole('button', { name: 'Trust', exact: true }).click();
  await window.status.run.waitFor();
  await window.status.run.click();
  await window.status.says(/deployment\/web · mirror 8080/, 90_000);
  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
});
