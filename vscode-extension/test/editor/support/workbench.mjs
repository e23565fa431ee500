// The driver of a real VS Code in a headless browser: opens the workbench and hands out the parts that a user works with.
// Each part is a small page object in a file of its own; selectors live there and nowhere else.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { URLSearchParams } from 'node:url';
import { join } from 'node:path';
import { Cluster } from './cluster-view.mjs';
import { Debugging } from './debugging.mjs';
import { Editor } from './text-editor.mjs';
import { Notifications } from './notifications.mjs';
import { QuickInput } from './quick-input.mjs';
import { artefacts, tools } from './settings.mjs';
import { StatusBar } from './status-bar.mjs';

const { chromium } = createRequire(import.meta.url)(tools.PLAYWRIGHT);
const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

/** The browser of a test file. Its sandbox refuses to work for root. */
export function openBrowser() {
  return chromium.launch({
    executablePath: tools.CHROMIUM,
    args: process.getuid() === 0 ? [...flags, '--no-sandbox'] : flags,
  });
}

export class Workbench {
  /** A window on `place` ({folder} or {workspace}: its file), in a browser context of its own: breakpoints, layout and trust
   * are those of a new user. */
  static async open(browser, url, place, { width = 1280, height = 800 } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const workbench = new Workbench(page, `${url}/?${new URLSearchParams(place)}`);
    await workbench.load();
    return workbench;
  }

  constructor(page, address) {
    this.page = page;
    this.address = address;
    this.quick = new QuickInput(page);
    this.notifications = new Notifications(page, this.quick);
    this.status = new StatusBar(page);
    this.editor = new Editor(page, this.quick);
    this.debug = new Debugging(page, this.quick);
    this.cluster = new Cluster(page, this.status);
  }

  /** No notification and no open file any more. Breakpoints are the scenario's own to remove. */
  async tidy() {
    await this.notifications.clear();
    await this.command('View: Close All Editors');
  }

  async load() {
    await this.page.goto(this.address, { waitUntil: 'commit' });
    await this.page.locator('.monaco-workbench .statusbar').waitFor({ timeout: 120_000 });
  }

  /** Closes the window and opens it again, as the same user. */
  async reload() {
    await this.page.goto('about:blank');
    await this.load();
  }

  /**
   * Leaves the page, so that the extension host and its debug sessions end; a browser that just goes away makes the
   * server keep them for hours, in case it comes back.
   */
  async close() {
    await this.page.goto('about:blank').catch(() => {});
    await this.page.context().close();
  }

  command(title) {
    return this.quick.command(title);
  }

  /** A picture of the window for the artefacts. */
  async picture(name) {
    mkdirSync(artefacts, { recursive: true });
    await this.page.screenshot({ path: join(artefacts, `${name}.png`) });
  }

  // --- modal dialogs
  get dialog() {
    return this.page.locator('.monaco-dialog-box');
  }

  async dialogText() {
    await this.dialog.waitFor();
    return (await this.dialog.innerText()).trim();
  }

  async answerDialog(button) {
    await this.dialog.getByRole('button', { name: button }).click();
    await this.dialog.waitFor({ state: 'detached' });
  }

  trustFolder(trust = true) {
    return this.answerDialog(trust ? 'Yes, I trust the authors' : /^No, I don.t trust the authors/);
  }

  /** The text of an output channel, read from its view. */
  async output(channel) {
    await this.command('Output: Show Output Channels...');
    await this.quick.pick(channel);
    const lines = this.page.locator('.output-view .view-line');
    await lines.first().waitFor();
    return (await lines.allTextContents()).map((line) => line.replace(/\u00a0/g, ' '));
  }

  async clipboard() {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }
}
