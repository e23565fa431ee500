// The extension's "Cluster" view in Run and Debug.
import { eventually } from './wait.mjs';

export class Cluster {
  constructor(page, status) {
    this.page = page;
    this.status = status;
  }

  /** Opens the view as a user does, by a click on the session in the status bar, and folds others that take its room. */
  async show() {
    await this.status.session.click();
    await this.fold('Watch', 'Breakpoints', 'Variables');
    await this.pane.locator('.monaco-list-row').first().waitFor();
  }

  async fold(...views) {
    for (const view of views) {
      const header = this.page.locator(`.pane-header[aria-label="${view} Section"]`);
      if ((await header.getAttribute('aria-expanded')) === 'true') await header.click();
    }
  }

  get pane() {
    return this.page.locator('.pane').filter({ has: this.page.locator('.pane-header', { hasText: /^Cluster/i }) });
  }

  row(text) {
    return this.pane.locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  /** [{level, text}] of the rows on screen, in their order. */
  async rows() {
    return this.pane.locator('.monaco-list-row').evaluateAll((rows) =>
      rows
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map((row) => ({
          level: Number(row.getAttribute('aria-level')),
          text: ['.label-name', '.label-description']
            .map((part) => row.querySelector(part)?.textContent ?? '')
            .join(' ')
            .trim(),
          label: row.getAttribute('aria-label'),
        })),
    );
  }

  async texts() {
    return (await this.rows()).map((row) => row.text);
  }

  shows(pattern, bound = 60_000) {
    return eventually(
      `the Cluster view shows ${pattern}`,
      async () => {
        const texts = await this.texts();
        return texts.find((text) => pattern.test(text)) ?? (bound && false);
      },
      bound,
    );
  }

  /** Unfolds a row, once there is something in it. */
  expand(text) {
    return eventually(`${text} is unfolded`, async () => {
      const row = this.row(text);
      const expanded = await row.getAttribute('aria-expanded', { timeout: 5_000 });
      if (expanded === 'false') await row.click({ timeout: 5_000 });
      return expanded === 'true';
    });
  }

  /** Opens a row's context menu and picks an entry: by the keyboard, as a menu takes no click in its first moment. */
  async menu(text, entry) {
    await this.row(text).click({ button: 'right' });
    const menu = this.page.locator('.monaco-menu');
    await menu.getByRole('menuitem', { name: entry }).hover();
    await menu.locator('.action-item.focused').filter({ hasText: entry }).waitFor();
    await this.page.keyboard.press('Enter');
    await menu.waitFor({ state: 'detached' });
  }
}
