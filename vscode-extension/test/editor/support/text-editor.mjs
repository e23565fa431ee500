// The text editor: files, lines, breakpoints in the gutter, and the line where the debugger stands.
export class Editor {
  constructor(page, quick) {
    this.page = page;
    this.quick = quick;
  }

  async open(name) {
    await this.quick.file(name);
    await this.tab(name).waitFor();
    await this.page.locator('.editor-instance .view-lines').first().waitFor();
  }

  tab(name) {
    return this.page.locator(`.tab[data-resource-name="${name}"]`);
  }

  async goto(line) {
    await this.page.keyboard.press('Control+G');
    await this.quick.enter(`:${line}`);
  }

  /** Clicks beside a line, as a user sets a breakpoint (or removes it), and waits for the red dot to come (or go). */
  async clickGutter(line, { set = true } = {}) {
    await this.goto(line);
    const number = this.page
      .locator('.editor-instance .margin-view-overlays .line-numbers')
      .filter({ hasText: new RegExp(`^${line}$`) });
    await number.waitFor();
    const row = await number.boundingBox();
    const margin = await this.page.locator('.editor-instance .margin').first().boundingBox();
    await this.page.mouse.click(margin.x + 10, row.y + row.height / 2);
    await this.breakpoints.first().waitFor({ state: set ? 'visible' : 'hidden' });
  }

  get breakpoints() {
    return this.page.locator(
      '.editor-instance [class*="codicon-debug-breakpoint"], .editor-instance .codicon-debug-stackframe-and-breakpoint',
    );
  }

  /** The lines on screen. */
  async lines() {
    await this.page.locator('.editor-instance .view-line').first().waitFor();
    return this.page
      .locator('.editor-instance .view-lines')
      .first()
      .evaluate((lines) =>
        [...lines.querySelectorAll('.view-line')]
          .sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
          .map((line) => line.textContent.replace(/\u00a0/g, ' ')),
      );
  }

  /** Waits until the debugger stands on a line: {file, line, text, color} as the yellow line shows them. */
  async stoppedLine(timeout = 60_000) {
    await this.page
      .locator('.editor-instance .debug-top-stack-frame-line')
      .first()
      .waitFor({ state: 'attached', timeout });
    return this.page.evaluate(() => {
      const mark = document.querySelector('.editor-instance .debug-top-stack-frame-line');
      const editor = mark.closest('.editor-instance');
      const { top } = mark.parentElement.style;
      const beside = (selector) => [...editor.querySelectorAll(selector)].find((element) => element.style.top === top);
      return {
        file: document.querySelector('.tab.active')?.getAttribute('data-resource-name'),
        line: Number(beside('.margin-view-overlays > div')?.querySelector('.line-numbers')?.textContent),
        // Blanks are no-break spaces, and a glyph of the icon font marks the column.
        text: beside('.view-lines > .view-line')
          ?.textContent.replace(/[\ue000-\uf8ff]/g, '')
          .replace(/\s/g, ' ')
          .trim(),
        color: getComputedStyle(mark).backgroundColor,
      };
    });
  }
}
