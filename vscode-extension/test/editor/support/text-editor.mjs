// The text editor: files, lines, breakpoints in the gutter, the line where the debugger stands, completion and hover.
import { eventually } from './wait.mjs';

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

  /** To a line, or to "line:column". */
  async goto(line) {
    await this.page.keyboard.press('Control+G');
    await this.quick.enter(`:${line}`);
    await this.quick.widget.waitFor({ state: 'hidden' });
  }

  /** Asks for completion where the cursor is, until all these are offered (those on screen count). */
  offers(...labels) {
    const rows = this.page.locator('.suggest-widget.visible .monaco-list-row .label-name');
    return eventually(`completion offers ${labels.join(', ')}`, async () => {
      if ((await rows.count()) === 0) {
        await this.page.keyboard.press('Control+Space');
        await rows.first().waitFor({ timeout: 5_000 });
      }
      const offered = (await rows.allTextContents()).map((label) => label.replace(/\u00a0/g, ' ').replace('{} ', ''));
      return labels.every((label) => offered.includes(label)) || Promise.reject(new Error(offered.join(', ')));
    });
  }

  /** What is told about the text at "line:column". */
  async hover(place) {
    await this.goto(place);
    const shown = this.page.locator('.monaco-hover:visible .hover-contents');
    return eventually(`the hover at ${place}`, async () => {
      await this.page.keyboard.press('Control+K');
      await this.page.keyboard.press('Control+I');
      await shown.first().waitFor({ timeout: 5_000 });
      return (await shown.allInnerTexts()).join('\n').replace(/\u00a0/g, ' ');
    });
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
