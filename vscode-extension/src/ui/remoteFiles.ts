// The pod's files as documents: scheme "inpod", the session's id as authority. Read-only. What is open stays readable when
// its session has ended.

import * as vscode from 'vscode';
import { plain, sentence } from '../core/errors';
import { number, text } from '../core/json';
import { bytes as sizeText } from '../core/tree';
import type { Log } from './log';
import type { Sessions } from './sessions';

export const scheme = 'inpod';

export function remoteUri(session: string, path: string): vscode.Uri {
  return vscode.Uri.from({ scheme, authority: session, path });
}

interface RemoteFile {
  bytes: Uint8Array;
  time: number;
}

const mostKept = 32;

export class RemoteFiles implements vscode.FileSystemProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changes.event;
  private readonly files = new Map<string, Promise<RemoteFile>>();
  private readonly closing: vscode.Disposable;

  constructor(
    private readonly sessions: Sessions,
    private readonly log: Log,
  ) {
    this.closing = vscode.workspace.onDidCloseTextDocument((document) => this.files.delete(document.uri.toString()));
  }

  dispose(): void {
    this.closing.dispose();
    this.changes.dispose();
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { bytes, time } = await this.fetch(uri);
    return {
      type: vscode.FileType.File,
      ctime: time,
      mtime: time,
      size: bytes.length,
      permissions: vscode.FilePermission.Readonly,
    };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return (await this.fetch(uri)).bytes;
  }

  /** What was fetched is kept, for the last files: VS Code asks for a file's state and its content one by one. */
  private fetch(uri: vscode.Uri): Promise<RemoteFile> {
    const key = uri.toString();
    const known = this.files.get(key);
    if (known !== undefined) return known;
    const file = this.ask(uri);
    this.files.set(key, file);
    file.catch(() => this.files.delete(key));
    const [oldest] = this.files.keys();
    if (this.files.size > mostKept && oldest !== undefined) this.files.delete(oldest);
    return file;
  }

  private async ask(uri: vscode.Uri): Promise<RemoteFile> {
    try {
      const answer = await this.sessions.request(uri.authority, 'readFile', { path: uri.path });
      const bytes = Buffer.from(text(answer, 'content'), 'base64');
      if (answer['truncated'] === true) {
        const whole = sizeText(number(answer, 'size'));
        const note = `Inpod: ${plain(uri.path)} is shown up to its first ${sizeText(bytes.length)} of ${whole}.`;
        this.log.background(vscode.window.showWarningMessage(note));
      }
      return { bytes, time: number(answer, 'modified') * 1000 };
    } catch (error) {
      throw vscode.FileSystemError.Unavailable(sentence(error));
    }
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  readDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.FileNotADirectory(uri);
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
}
