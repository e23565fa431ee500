#!/usr/bin/env node
// A debug adapter that stands in for one that can't be installed here: it writes every request it gets to
// ~/adapter-NAME.jsonl, says yes to all, starts nothing, and ends the session when it has been configured. Where a launch
// gives gdb an exec-wrapper, it writes the environment too that a program gets behind it.
// Usage: recorder.mjs NAME [--port N]      Speaks on stdio, or to the one client that connects to the port.
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const [name, ...options] = process.argv.slice(2);
const record = join(process.env.HOME, `adapter-${name}.jsonl`);
const port =
  options.find((option, index) => options[index - 1] === '--port') ?? options.join(' ').match(/--port[= ](\d+)/)?.[1];

appendFileSync(
  record,
  `${JSON.stringify({ started: process.argv.slice(2), env: { LD_PRELOAD: process.env.LD_PRELOAD ?? null } })}\n`,
);
if (port === undefined) serve(process.stdin, process.stdout);
else createServer((socket) => serve(socket, socket)).listen(Number(port), '127.0.0.1');

function serve(input, output) {
  let seq = 1;
  let buffer = Buffer.alloc(0);
  const send = (message) => {
    const body = JSON.stringify({ seq: seq++, ...message });
    output.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  const event = (type, body) => send({ type: 'event', event: type, body });
  input.on('end', () => process.exit(0));
  input.on('data', (data) => {
    buffer = Buffer.concat([buffer, data]);
    for (;;) {
      const head = buffer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/Content-Length: *(\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
      if (buffer.length < head + 4 + length) return;
      const request = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString());
      buffer = buffer.subarray(head + 4 + length);
      answer(request);
    }
  });

  /// As gdb does it: a shell executes the wrapper, which executes the program.
  function behindWrapper(setupCommands = []) {
    const wrapper = setupCommands.map(({ text }) => /^set exec-wrapper (.*)/.exec(text)?.[1]).find(Boolean);
    if (wrapper === undefined) return;
    const environment = execFileSync('/bin/sh', ['-c', `exec ${wrapper} /usr/bin/env`], { encoding: 'utf8' });
    appendFileSync(record, `${JSON.stringify({ behindWrapper: environment })}\n`);
  }

  function answer(request) {
    if (request.command === 'launch') behindWrapper(request.arguments.setupCommands);
    appendFileSync(record, `${JSON.stringify({ command: request.command, arguments: request.arguments })}\n`);
    const bodies = { initialize: { supportsConfigurationDoneRequest: true }, threads: { threads: [] } };
    send({
      type: 'response',
      request_seq: request.seq,
      command: request.command,
      success: true,
      body: bodies[request.command],
    });
    if (request.command === 'launch') event('initialized');
    if (request.command === 'configurationDone') event('terminated');
    if (request.command === 'disconnect') process.exit(0);
  }
}
