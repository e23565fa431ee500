// The widget at the top of the window: command palette, quick pick and input box.
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
    await this.page.keyboard.press('F1');
    await this.input.fill(`>${title}`);
    await this.row(title).click();
  }

  /** The titles that the palette offers for what is typed. */
  async offered(text) {
    await this.page.keyboard.press('F1');
    await this.input.fill(`>${text}`);
    await this.widget.locator('.monaco-list-row').first().waitFor();
    const titles = await this.widget.locator('.monaco-list-row .label-name').allInnerTexts();
    await this.escape();
    return titles;
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
