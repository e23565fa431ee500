// Delve speaks DAP only on a socket; VS Code's Go extension connects to it. Here: stdin and stdout.
// Usage: delve.mjs DLV
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const delve = spawn(process.argv[2], ['dap', '--listen=127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
delve.on('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => delve.kill(signal));
process.stdin.pause();

createInterface(delve.stdout).on('line', (line) => {
  const port = /listening at: 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
  if (port === undefined) return;
  const socket = connect(Number(port), '127.0.0.1');
  process.stdin.pipe(socket).pipe(process.stdout);
});
