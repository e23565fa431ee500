// The output channel "Inpod": what the extension does, and all that `inpod` says on stderr.

import * as vscode from 'vscode';
import { sentence } from '../core/errors';

export class Log implements vscode.Disposable {
  private readonly channel = vscode.window.createOutputChannel('Inpod', { log: true });

  info(text: string): void {
    this.channel.info(text);
  }

  error(text: string): void {
    this.channel.error(text);
  }

  /** A line of `inpod`'s own log. */
  readonly line = (text: string): void => {
    if (/\[(error|critical)\]/.test(text)) this.channel.error(text);
    else if (/\[warning\]/.test(text)) this.channel.warn(text);
    else this.channel.info(text);
  };

  /** Work that nobody waits for: its failure is told here. */
  background(work: Thenable<unknown>): void {
    work.then(undefined, (error: unknown) => this.error(sentence(error)));
  }

  show(): void {
    this.channel.show(true);
  }

  dispose(): void {
    this.channel.dispose();
  }
}
