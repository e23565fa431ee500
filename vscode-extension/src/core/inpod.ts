// The `inpod` program: which one, and running a command of it to its end. Arguments never pass a shell, output is bounded,
// and every run can be cancelled.

import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { Cancelled, InpodError } from './errors';
import { JsonLines, Lines, type JsonObject } from './json';

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function onPath(name: string, path = process.env['PATH'] ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

export interface Places {
  /** The setting inpod.path, with `~` and variables replaced. */
  setting: string;
  /** The extension's own directory. */
  extension: string;
}

export function findInpod(places: Places): string {
  if (places.setting !== '') {
    if (isAbsolute(places.setting) && isExecutable(places.setting)) return places.setting;
    throw new InpodError(
      `The setting inpod.path names ${places.setting}, which is not the absolute path of an executable file`,
      'correct the setting, or clear it to use the inpod that the extension carries',
      ['openSettings'],
    );
  }
  const carried = join(places.extension, 'bin', 'inpod');
  const found = isExecutable(carried) ? carried : onPath('inpod');
  if (found !== undefined) return found;
  throw new InpodError(
    'The program inpod is neither carried by this extension nor on PATH',
    'install the extension package for this platform, or set inpod.path',
    ['openSettings'],
  );
}

export interface Cancellation {
  readonly isCancellationRequested: boolean;
  onCancellationRequested(listener: () => void): { dispose(): void };
}

/** Cancelled when one of the two is. */
export function either(first: Cancellation, second: Cancellation): Cancellation {
  return {
    get isCancellationRequested() {
      return first.isCancellationRequested || second.isCancellationRequested;
    },
    onCancellationRequested: (listener) => {
      const both = [first, second].map((one) => one.onCancellationRequested(listener));
      return { dispose: () => both.forEach((one) => one.dispose()) };
    },
  };
}

export const never: Cancellation = {
  isCancellationRequested: false,
  onCancellationRequested: () => ({ dispose: () => undefined }),
};

const maxText = 64 * 1024;
const termAfter = 10_000;
const killAfter = 15_000;

/** Ends a child: by the end of its stdin where it reads that, else by a signal; for good if that does not help in time. */
export function end(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.stdin === null) child.kill('SIGTERM');
  else child.stdin.end();
  const soft = setTimeout(() => child.kill('SIGTERM'), termAfter);
  const hard = setTimeout(() => child.kill('SIGKILL'), killAfter);
  child.once('exit', () => {
    clearTimeout(soft);
    clearTimeout(hard);
  });
}

/** Hands on what a child says on stderr, line by line. The result tells the end of it, for an error. */
export function listenToErrors(child: ChildProcess, log: (line: string) => void): () => string {
  const lines = new Lines(log);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-maxText);
    lines.push(chunk);
  });
  child.once('close', () => lines.end());
  return () => said;
}

export interface Run {
  inpod: string;
  args: string[];
  cwd: string;
  each: (line: JsonObject) => void;
  log: (line: string) => void;
  cancel: Cancellation;
  limitSeconds: number;
}

/** Runs `inpod ARGS`, handing on its JSON lines. The exit code; stderr in full if that is wanted for an error. */
export function run(options: Run): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve, reject) => {
    if (options.cancel.isCancellationRequested) {
      reject(new Cancelled());
      return;
    }
    const child = spawn(options.inpod, options.args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = new JsonLines(options.each, options.log);
    const stderr = listenToErrors(child, options.log);
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      end(child);
    }, options.limitSeconds * 1000);
    const cancelling = options.cancel.onCancellationRequested(() => end(child));
    const done = (): void => {
      clearTimeout(limit);
      cancelling.dispose();
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => out.push(chunk));
    child.once('error', (error) => {
      done();
      reject(cannotStart(options.inpod, error));
    });
    child.once('close', (code) => {
      done();
      out.end();
      if (options.cancel.isCancellationRequested) reject(new Cancelled());
      else if (late)
        reject(
          new InpodError(
            `inpod ${options.args[0] ?? ''} took longer than ${options.limitSeconds} seconds`,
            'see in the log what it waited for; the cluster may be out of reach',
            ['diagnose', 'showLog'],
          ),
        );
      else resolve({ code: code ?? 125, stderr: stderr() });
    });
  });
}

export function cannotStart(inpod: string, error: Error): InpodError {
  return new InpodError(`${inpod} can't be started: ${error.message}`, 'check the setting inpod.path', [
    'openSettings',
    'showLog',
  ]);
}
