// The folder that is opened in VS Code: a small C++ service, built, with launch configurations that a test writes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const source = new URL('../../../../tests/debuggees/servers/service.cpp', import.meta.url).pathname;

/** Text of a launch.json. */
export const launchFile = (configurations) => JSON.stringify({ version: '0.2.0', configurations }, null, 2);

export class Workspace {
  static async make(developer) {
    const workspace = new Workspace(developer);
    developer.mkdir('shop/build');
    developer.copy(source, 'shop/src/service.cpp');
    await promisify(execFile)('g++', ['-g', '-O0', 'src/service.cpp', '-o', 'build/service'], {
      ...developer.spawnOptions(workspace.path),
      timeout: 180_000,
    });
    return workspace;
  }

  constructor(developer) {
    this.developer = developer;
    this.path = developer.path('shop');
    const lines = readFileSync(source, 'utf8').split('\n');
    /** Where a breakpoint sees the request's path, the pod's variable and the pod's file. */
    this.breakpoint = lines.findIndex((line) => line.includes('// breakpoint')) + 1;
  }

  /** Writes .vscode/launch.json. */
  launch(...configurations) {
    this.write('.vscode/launch.json', launchFile(configurations));
  }

  write(name, text) {
    return this.developer.write(`shop/${name}`, text);
  }
}
