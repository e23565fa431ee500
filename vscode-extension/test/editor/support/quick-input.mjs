// The widget at the top of the window: command palette, quick pick and input box.

import { eventually } from './wait.mjs';

export class QuickInput {
  constructor(page) {
    this.page = page;
  }

  get widget() {
    return this.page.locator('.quick-input-widget:visible');
  }

  get input() {
    return this.widget.locator('input.input');
  }

  row(text) {
    return this.widget.locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  /** Runs a command by its title, from the palette. */
  async command(title) {
    await this.#open('F1', `>${title}`, (row) => row.click({ timeout: 5_000 }));
  }

  /** The titles that the palette offers for what is typed. */
  async offered(text) {
    await this.#open('F1', `>${text}`, (row) => row.waitFor({ timeout: 5_000 }));
    const titles = await this.widget.locator('.monaco-list-row .label-name').allInnerTexts();
    await this.escape();
    return titles;
  }

  /** Opens a file by its name. */
  async file(name) {
    await this.#open('Control+P', name, (row) => row.click({ timeout: 5_000 }));
  }

  // What still comes to the front (a file, a view) closes the palette again: then it is opened anew, as a user would.
  async #open(key, text, use) {
    await eventually(
      `the palette takes ${text}`,
      async () => {
        if (!(await this.input.isVisible())) await this.page.keyboard.press(key);
        await this.input.fill(text, { timeout: 5_000 });
        const row = this.row(text.replace(/^>/, ''));
        await row.waitFor({ timeout: 15_000 });
        await use(row);
        return true;
      },
      60_000,
    );
  }

  /** [{label, description, detail, separator}] of the rows on screen. */
  async rows() {
    await this.widget.locator('.monaco-list-row').first().waitFor();
    return this.widget.locator('.monaco-list-row').evaluateAll((rows) =>
      rows.map((row) => ({
        label: row.querySelector('.label-name')?.textContent ?? '',
        description: row.querySelector('.label-description')?.textContent ?? '',
        detail: row.querySelector('.quick-input-list-label-meta')?.textContent ?? '',
        separator: row.querySelector('.quick-input-list-separator')?.textContent ?? '',
      })),
    );
  }

  async pick(text) {
    await this.row(text).click();
  }

  filter(text) {
    return this.input.fill(text);
  }

  async enter(text) {
    await this.input.fill(text);
    await this.page.keyboard.press('Enter');
  }

  async escape() {
    await this.page.keyboard.press('Escape');
    await this.widget.waitFor({ state: 'hidden' });
  }
}
