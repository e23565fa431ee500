// What each test file starts with: `editorTests` makes a developer with a workspace, a namespace in the cluster, a
// code-server, a browser and a window, once for the file's scenarios. When a scenario fails, a picture
// of the window and VS Code's logs go to the artefacts. In the end everything is taken down, and a process that was left
// running fails the file.
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Shop } from './cluster.mjs';
import { CodeServer } from './code-server.mjs';
import { Developer } from './developer.mjs';
import { artefacts, programs } from './settings.mjs';
import { Workbench, openBrowser } from './workbench.mjs';
import { Workspace } from './workspace.mjs';

/**
 * `prepare(context)` runs before code-server starts, once developer, workspace and shop are there; what it returns are
 * options for CodeServer.start, and `workspaceFile` if not the workspace's folder is to be opened but a file of folders.
 */
export function editorTests(url, { prepare = () => ({}) } = {}) {
  const file = basename(fileURLToPath(url), '.test.mjs');
  const context = {};

  before(async () => {
    context.developer = new Developer();
    // One that fails must not keep the others from being put where `after` finds them.
    const parts = { shop: Shop.open(), browser: openBrowser(), workspace: Workspace.make(context.developer) };
    const failures = [];
    for (const [name, part] of Object.entries(parts)) {
      try {
        context[name] = await part;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length) throw failures[0];
    context.developer.useKubeconfig(await context.shop.kubeconfig());
    const { settings = {}, workspaceFile, ...options } = (await prepare(context)) ?? {};
    context.place = workspaceFile ? { workspace: workspaceFile } : { folder: context.workspace.path };
    const path = programs ? { 'inpod.path': join(programs, 'inpod') } : {};
    options.settings = { ...path, 'inpod.logLevel': 'debug', ...settings };
    context.server = await CodeServer.start(context.developer, options);
  });

  after(async () => {
    const failures = [];
    const step = async (action) => {
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    };
    await step(() => context.window?.close());
    await step(() => context.browser?.close());
    await step(() => context.server?.stop());
    await step(() => context.shop?.close());
    await step(() => context.developer?.remove());
    if (failures.length) throw failures[0];
  });

  /** A test in the file's window, which is tidied up afterwards, or replaced after a failure. `bound`: in seconds. */
  function scenario(title, run, { bound = 300 } = {}) {
    test(title, { timeout: bound * 1000 }, async () => {
      context.window ??= await openWindow(context);
      const picture = (name) => context.window.picture(`${file}-${name}`);
      try {
        await run({ ...context, picture });
        await context.window.tidy();
      } catch (error) {
        await keepEvidence(`${file}-failed-${title.replace(/\W+/g, '-')}`, context);
        await context.window.close();
        context.window = undefined;
        throw error;
      }
    });
  }

  // Whoever ends us ends what we started.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      context.server?.kill();
      process.exit(1);
    });
  }
  return { scenario };
}

async function openWindow({ browser, server, place }) {
  const window = await Workbench.open(browser, server.url, place);
  if (server.trusted) await window.status.run.waitFor({ timeout: 120_000 }); // the extension is active
  return window;
}

async function keepEvidence(name, { window, developer }) {
  await window.picture(name).catch(() => {});
  const logs = join(artefacts, name);
  mkdirSync(logs, { recursive: true });
  for (const log of ['code/data/logs', 'code/server.log']) {
    if (existsSync(developer.path(log))) cpSync(developer.path(log), join(logs, basename(log)), { recursive: true });
  }
}
