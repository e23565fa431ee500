// The progress of a start, with Cancel, as a notification of our own. VS Code would show it too, but it listens only to the
// session that has the focus: a second session's start, and any start after one that failed or was cancelled, would show none.
// Progress of the debugger itself (its ids are not ours) is left to VS Code.

import * as vscode from 'vscode';
import { number, objectOf, text, type JsonObject } from '../core/json';

interface Shown {
  id: string;
  message: string;
  percentage: number;
  /** Not there before VS Code has made the notification. */
  report?: (value: { message: string; increment: number }) => void;
  end: () => void;
}

const isOurs = (id: string): boolean => id.startsWith('inpod-');

export class StartProgress {
  private shown: Shown | undefined;

  constructor(private readonly cancel: (progressId: string) => void) {}

  /** True if the message was about our progress: then it goes no further. */
  take(message: JsonObject): boolean {
    if (message['type'] !== 'event') return false;
    const body = objectOf(message['body']);
    const id = text(body, 'progressId');
    if (!isOurs(id)) return false;
    switch (message['event']) {
      case 'progressStart':
        this.begin(id, text(body, 'title'));
        this.report(body);
        return true;
      case 'progressUpdate':
        this.report(body);
        return true;
      case 'progressEnd':
        this.end();
        return true;
      default:
        return false;
    }
  }

  end(): void {
    this.shown?.end();
    this.shown = undefined;
  }

  private begin(id: string, title: string): void {
    this.end();
    let end = (): void => undefined;
    const done = new Promise<void>((resolve) => (end = resolve));
    const shown: Shown = { id, message: '', percentage: 0, end };
    this.shown = shown;
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    void vscode.window.withProgress(options, (progress, cancelled) => {
      shown.report = (value) => progress.report(value);
      shown.report({ message: shown.message, increment: shown.percentage });
      cancelled.onCancellationRequested(() => this.cancel(id));
      return done;
    });
  }

  private report(body: JsonObject): void {
    const { shown } = this;
    if (shown?.id !== text(body, 'progressId')) return;
    const increment = Math.max(0, number(body, 'percentage') - shown.percentage);
    shown.percentage += increment;
    shown.message = text(body, 'message');
    shown.report?.({ message: shown.message, increment });
  }
}
