// Reading JSON that others wrote: each access says what it expects and what stands in where it is not.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function text(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === 'string' ? value : '';
}

export function number(object: JsonObject, key: string): number {
  const value = object[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

export function list(object: JsonObject, key: string): unknown[] {
  const value = object[key];
  return Array.isArray(value) ? value : [];
}

export function objects(object: JsonObject, key: string): JsonObject[] {
  return list(object, key).filter(isObject);
}

export function texts(object: JsonObject, key: string): string[] {
  return list(object, key).filter((item): item is string => typeof item === 'string');
}

export function without<T extends JsonObject>(object: T, ...keys: string[]): T {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key))) as T;
}

export function only(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key, value]) => keys.includes(key) && value !== undefined));
}

/** Cuts a stream into lines; empty ones are left out. */
export class Lines {
  private rest = '';

  constructor(private readonly each: (line: string) => void) {}

  push(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  end(): void {
    this.line(this.rest);
    this.rest = '';
  }

  private line(line: string): void {
    if (line.trim() !== '') this.each(line);
  }
}

/** The same, with each line as JSON; lines that are no JSON object go to `other`. */
export class JsonLines extends Lines {
  constructor(each: (value: JsonObject) => void, other: (line: string) => void = () => undefined) {
    super((line) => {
      const value = parsed(line);
      if (isObject(value)) each(value);
      else other(line);
    });
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
