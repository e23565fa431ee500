// The extension's items in the status bar, by the ids it gave them.
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
}
