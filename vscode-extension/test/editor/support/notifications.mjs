// Notifications: the toasts at the lower right. They hide after a while, so wait for one as soon as it may come.
export class Notifications {
  constructor(page, quick) {
    this.page = page;
    this.quick = quick;
  }

  toast(text) {
    return this.page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text });
  }

  /** {severity, text, buttons} of the one with this text, once it is there. */
  async wait(text, timeout = 60_000) {
    const toast = this.toast(text).first();
    await toast.waitFor({ timeout });
    return toast.evaluate((element) => ({
      severity: ['error', 'warning', 'info'].find((name) =>
        element.querySelector(`.notification-list-item-icon.codicon-${name}`),
      ),
      text: element.querySelector('.notification-list-item-message').textContent,
      buttons: [...element.querySelectorAll('.notification-list-item-buttons-container .monaco-button')].map(
        (button) => button.textContent,
      ),
    }));
  }

  click(text, button) {
    return this.toast(text).first().getByRole('button', { name: button, exact: true }).click();
  }

  gone(text, timeout = 60_000) {
    return this.toast(text).first().waitFor({ state: 'detached', timeout });
  }

  async texts() {
    return this.page.locator('.notifications-toasts .notification-list-item-message').allTextContents();
  }

  clear() {
    return this.quick.command('Notifications: Clear All Notifications');
  }
}
