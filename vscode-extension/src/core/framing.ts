// DAP's framing: "Content-Length: N", an empty line, N bytes of JSON. A peer that breaks it is an error: nothing that comes
// after could be trusted.

import { isObject, type JsonObject } from './json';

const maxMessage = 256 * 1024 * 1024;
const separator = Buffer.from('\r\n\r\n');

export function encode(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, 'ascii'), body]);
}

export class Decoder {
  private chunks: Buffer[] = [];
  private size = 0;
  private wanted: number | undefined;

  /** The messages that are whole with this chunk. */
  push(chunk: Buffer): JsonObject[] {
    this.chunks.push(chunk);
    this.size += chunk.length;
    const found: JsonObject[] = [];
    for (;;) {
      if (this.wanted === undefined && !this.readHeader()) return found;
      if (this.wanted === undefined || this.size < this.wanted) return found;
      const body = this.take(this.wanted);
      this.wanted = undefined;
      const value: unknown = JSON.parse(body.toString('utf8'));
      if (!isObject(value)) throw new Error('a message that is no JSON object');
      found.push(value);
    }
  }

  private readHeader(): boolean {
    const all = this.joined();
    const end = all.indexOf(separator);
    if (end < 0) {
      if (all.length > 4096) throw new Error('no end of a message header within 4096 bytes');
      return false;
    }
    const header = this.take(end + separator.length).toString('ascii');
    const length = /^content-length:\s*(\d+)\s*$/im.exec(header)?.[1];
    if (length === undefined) throw new Error('a message header without Content-Length');
    if (Number(length) > maxMessage) throw new Error(`a message of ${length} bytes`);
    this.wanted = Number(length);
    return true;
  }

  private joined(): Buffer {
    const all = this.chunks.length === 1 && this.chunks[0] !== undefined ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [all];
    return all;
  }

  private take(count: number): Buffer {
    const all = this.joined();
    this.chunks = [all.subarray(count)];
    this.size -= count;
    return all.subarray(0, count);
  }
}
