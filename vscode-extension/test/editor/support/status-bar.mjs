// The extension's items in the status bar, by the ids it gave them.
import { eventually } from './wait.mjs';

export class StatusBar {
  constructor(page) {
    this.page = page;
  }

  item(id) {
    return this.page.locator(`.part.statusbar [id="inpod.inpod.${id}"]`);
  }

  /** "Run in Cluster" of the extension. */
  get run() {
    return this.item('inpod.run');
  }

  /** What the running session does. */
  get session() {
    return this.item('inpod.session');
  }

  /** Waits until the session's item reads so. */
  says(pattern, bound = 60_000) {
    return eventually(
      `the status bar says ${pattern}`,
      async () => {
        const text = (await this.session.innerText({ timeout: bound })).trim();
        return pattern.test(text) ? text : Promise.reject(new Error(text));
      },
      bound,
    );
  }
}
