// The `inpod` program: which one, and running a command of it to its end. Arguments never pass a shell, output is bounded,
// and every run can be cancelled.

import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { Cancelled, errorFromOutput, InpodError } from './errors';
import { JsonLines, type JsonObject } from './json';

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
    let stderr = '';
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
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-maxText);
      for (const line of chunk.split('\n')) if (line.trim() !== '') options.log(line);
    });
    child.once('error', (error) => {
      done();
      reject(cannotStart(options.inpod, error));
    });
    child.once('close', (code) => {
      done();
      out.end();
      if (options.cancel.isCancellationRequested) reject(new Cancelled());
      else if (late)
        reject(new InpodError(`inpod ${options.args[0] ?? ''} took longer than ${options.limitSeconds} seconds`));
      else resolve({ code: code ?? 125, stderr });
    });
  });
}

export function cannotStart(inpod: string, error: Error): InpodError {
  return new InpodError(`${inpod} can't be started: ${error.message}`, 'check the setting inpod.path', [
    'openSettings',
    'showLog',
  ]);
}

/** As `run`, where an exit code other than 0 is an error that `inpod` explains on stderr. */
export async function runOrFail(options: Run): Promise<void> {
  const { code, stderr } = await run(options);
  if (code !== 0) throw errorFromOutput(stderr, `inpod ${options.args[0] ?? ''} failed with exit code ${code}`);
}
