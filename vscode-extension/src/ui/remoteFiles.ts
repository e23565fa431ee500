// The pod's files as documents: scheme "inpod", the session's id as authority. Read-only. What is open stays readable when
// its session has ended.

import * as vscode from 'vscode';
import { number, text } from '../core/json';
import type { Sessions } from './sessions';

export const scheme = 'inpod';

export function remoteUri(session: string, path: string): vscode.Uri {
  return vscode.Uri.from({ scheme, authority: session, path });
}

export class RemoteFiles implements vscode.FileSystemProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changes.event;
  private readonly open = new Map<string, { bytes: Uint8Array; time: number }>();
  private readonly closing: vscode.Disposable;

  constructor(private readonly sessions: Sessions) {
    this.closing = vscode.workspace.onDidCloseTextDocument((document) => this.open.delete(document.uri.toString()));
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

  private async fetch(uri: vscode.Uri): Promise<{ bytes: Uint8Array; time: number }> {
    const known = this.open.get(uri.toString());
    if (known !== undefined) return known;
    let answer;
    try {
      answer = await this.sessions.request(uri.authority, 'readFile', { path: uri.path });
    } catch (error) {
      throw vscode.FileSystemError.Unavailable(error instanceof Error ? error.message : String(error));
    }
    const found = { bytes: Buffer.from(text(answer, 'content'), 'base64'), time: number(answer, 'modified') * 1000 };
    this.open.set(uri.toString(), found);
    return found;
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
