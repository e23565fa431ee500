import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Decoder, encode } from '../../src/core/framing';
import { JsonLines, type JsonObject } from '../../src/core/json';

describe('framing', () => {
  const messages = [{ seq: 1, text: 'ä€😀' }, { seq: 2 }, { seq: 3, text: 'x'.repeat(5000) }];
  const stream = Buffer.concat(messages.map(encode));

  it('is the same however the bytes are cut', () => {
    for (const size of [1, 2, 7, 100, stream.length]) {
      const decoder = new Decoder();
      const found: JsonObject[] = [];
      for (let at = 0; at < stream.length; at += size) found.push(...decoder.push(stream.subarray(at, at + size)));
      assert.deepEqual(found, messages, `chunks of ${size}`);
    }
  });

  it('takes other headers and any case', () => {
    assert.deepEqual(new Decoder().push(Buffer.from('X: y\r\ncontent-length: 2\r\n\r\n{}')), [{}]);
  });

  it('refuses what is none', () => {
    for (const text of [
      'Content-Length: x\r\n\r\n{}',
      'Content-Length: 2\r\n\r\n[]',
      'a'.repeat(5000),
      'Content-Length: 999999999999\r\n\r\n',
    ]) {
      assert.throws(() => new Decoder().push(Buffer.from(text)), text.slice(0, 20));
    }
  });
});

describe('JSON lines', () => {
  it('come whole, and other lines apart', () => {
    const found: JsonObject[] = [];
    const other: string[] = [];
    const lines = new JsonLines(
      (value) => found.push(value),
      (line) => other.push(line),
    );
    for (const chunk of ['{"a"', ':1}\n\nhel', 'lo\n[1]\n{"b":2}']) lines.push(chunk);
    lines.end();
    assert.deepEqual(found, [{ a: 1 }, { b: 2 }]);
    assert.deepEqual(other, ['hello', '[1]']);
  });
});
