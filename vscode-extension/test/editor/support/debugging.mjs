// Debugging: the toolbar, the Run and Debug view's call stack and variables, and the Debug Console.
import { eventually } from './wait.mjs';

export class Debugging {
  constructor(page, quick) {
    this.page = page;
    this.quick = quick;
  }

  /** Floats over the window as long as a debug session lives. */
  get toolbar() {
    return this.page.locator('.debug-toolbar');
  }

  toolbarButton(name) {
    return this.toolbar.getByRole('button', { name });
  }

  async showView() {
    await this.page.keyboard.press('Control+Shift+D');
    await this.page.locator('.debug-viewlet').waitFor();
  }

  /** Makes a launch configuration the selected one, in the view's own drop-down. */
  async selectConfiguration(name) {
    await this.showView();
    await this.page
      .locator('.debug-viewlet .start-debug-action-item select, .start-debug-action-item select')
      .first()
      .selectOption({ label: name });
  }

  start() {
    return this.page.keyboard.press('F5');
  }

  continue() {
    return this.page.keyboard.press('F5');
  }

  async stop() {
    await this.page.keyboard.press('Shift+F5');
  }

  async restart() {
    await this.toolbarButton(/^Restart/).click();
  }

  async started(timeout = 60_000) {
    await this.toolbar.waitFor({ state: 'visible', timeout });
  }

  async ended(timeout = 60_000) {
    await this.toolbar.waitFor({ state: 'hidden', timeout });
  }

  /** ['handle(…) service.cpp 18', …]; a stop first shows its top frame only, so say how many to wait for. */
  async callStack(count = 1) {
    const frames = this.page.locator('.debug-call-stack .stack-frame');
    await frames.nth(count - 1).waitFor();
    return frames.evaluateAll((rows) =>
      rows.map((row) =>
        ['.label', '.file-name', '.line-number'].map((part) => row.querySelector(part)?.textContent ?? '').join(' '),
      ),
    );
  }

  /** Debug sessions that the call stack view lists (more than one: they are its roots). */
  sessions() {
    return this.page.locator('.debug-call-stack .session .label, .debug-call-stack .session .name').allTextContents();
  }

  /** {name: value} of the variables on screen, once one of this name is there. */
  async variables(name) {
    const header = this.page.locator('.pane-header[aria-label="Variables Section"]');
    if ((await header.getAttribute('aria-expanded')) === 'false') await header.click();
    const rows = this.page.locator('.debug-variables .expression');
    const values = () =>
      rows.evaluateAll((elements) =>
        Object.fromEntries(
          elements.map((row) => [
            (row.querySelector('.name')?.textContent ?? '').replace(/[:=\s]+$/, ''),
            row.querySelector('.value')?.textContent ?? '',
          ]),
        ),
      );
    return eventually(`variable ${name}`, async () => {
      const all = await values();
      return name in all && all;
    });
  }

  async showConsole() {
    await this.page.keyboard.press('Control+Shift+Y');
    await this.page.locator('.repl').waitFor();
  }

  /** The rows of the Debug Console that are on screen. */
  async console() {
    return this.page.locator('.repl .monaco-list-row').evaluateAll((rows) =>
      rows
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map((row) => {
          const copy = row.cloneNode(true);
          for (const extra of copy.querySelectorAll('.count-badge-wrapper, .source')) extra.remove();
          return copy.textContent.trimEnd();
        }),
    );
  }

  inConsole(pattern, bound = 60_000) {
    return eventually(
      `the Debug Console shows ${pattern}`,
      async () => (await this.console()).find((row) => pattern.test(row)),
      bound,
    );
  }
}
