#!/usr/bin/env node
// A debug adapter like gdb's that gets no further than `initialize`: it never answers anything else. With it a start stands
// at its last stage, where the debugger is prepared.
let buffer = Buffer.alloc(0);
process.stdin.on('end', () => process.exit(0));
process.stdin.on('data', (data) => {
  buffer = Buffer.concat([buffer, data]);
  const head = buffer.indexOf('\r\n\r\n');
  if (head < 0) return;
  const length = Number(/Content-Length: *(\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
  if (buffer.length < head + 4 + length) return;
  const request = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString());
  buffer = buffer.subarray(head + 4 + length);
  if (request.command !== 'initialize') return;
  const body = JSON.stringify({
    seq: 1,
    type: 'response',
    request_seq: request.seq,
    command: 'initialize',
    success: true,
    body: {},
  });
  process.stdout.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
});
