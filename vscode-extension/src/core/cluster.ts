// The `cluster` key of a launch configuration: checked against the schema that `inpod schema` prints, so that a typing
// error is told before anything starts; and the choice of the target from the places that can name one.

import { InpodError } from './errors';
import { isObject, objectOf, text, without, type JsonObject } from './json';

/** Target, as it is chosen and remembered. An empty namespace is the context's. */
export interface TargetChoice {
  target: string;
  namespace: string;
}

export function describeTarget(choice: TargetChoice): string {
  return choice.namespace === '' ? choice.target : `${choice.namespace}/${choice.target}`;
}

const kinds = ['pod', 'deployment', 'statefulset', 'daemonset', 'replicaset', 'job', 'cronjob', 'rollout', 'service'];

/** "deployment/web", "shop/deployment/web", "label:app=web", "local:42", "targetless"; nothing if it is none of these. */
export function parseTarget(value: string): TargetChoice | undefined {
  const whole = value.trim();
  if (/^(label:[^\s]+=[^\s]*|local:\d+|targetless)(\/container\/[^/\s]+)?$/.test(whole)) {
    return { target: whole, namespace: '' };
  }
  const parts = whole.split('/');
  if (parts.some((part) => part === '' || /\s/.test(part))) return undefined;
  const namespaced = !kinds.includes(parts[0] ?? '') && kinds.includes(parts[1] ?? '');
  const [kind, name, ...rest] = namespaced ? parts.slice(1) : parts;
  if (kind === undefined || name === undefined || !kinds.includes(kind)) return undefined;
  if (rest.length > 0 && (rest.length !== 2 || rest[0] !== 'container')) return undefined;
  return { target: [kind, name, ...rest].join('/'), namespace: namespaced ? (parts[0] ?? '') : '' };
}

/** `cluster` of a configuration as an object; null and false mean "no session" there, but "Run in Cluster" asks for one. */
export function clusterOf(configuration: JsonObject): JsonObject {
  const value = configuration['cluster'];
  if (value === undefined || value === null || value === false || value === true) return {};
  if (typeof value === 'string') return { target: value };
  if (isObject(value)) return { ...value };
  throw new InpodError('launch.json: "cluster" is not an object', 'write "cluster": {"target": "deployment/NAME"}', [
    'openLaunch',
  ]);
}

/** The same of a whole launch configuration; one around another takes what stands inside it, too. */
export function clusterOfLaunch(configuration: JsonObject): JsonObject {
  return clusterOf({ ...objectOf(configuration['configuration']), ...configuration });
}

export function withTarget(cluster: JsonObject, choice: TargetChoice | undefined): JsonObject {
  if (choice === undefined) return cluster;
  return {
    ...without(cluster, 'namespace'),
    target: choice.target,
    ...(choice.namespace === '' ? {} : { namespace: choice.namespace }),
  };
}

/** What a config file names as its target; only this key is read here, `inpod` reads and checks the rest. */
export function targetInFile(name: string, content: string): string {
  if (name.endsWith('.json')) {
    try {
      return text(objectOf(JSON.parse(content)), 'target');
    } catch {
      return '';
    }
  }
  const found = /^target:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\n]*?))[ \t]*(?:#.*)?$/m.exec(content);
  return (found?.[1] ?? found?.[2] ?? found?.[3] ?? '').trim();
}

/** Throws an error that names the first key or value that can't be right, its place and what was meant. */
export function checkCluster(cluster: JsonObject, schema: JsonObject, path = 'cluster'): void {
  const properties = objectOf(schema['properties']);
  for (const [key, value] of Object.entries(cluster)) {
    const property = properties[key];
    if (!isObject(property)) {
      const meant = nearest(key, Object.keys(properties));
      throw wrong(
        `unknown key "${path}.${key}"`,
        meant === undefined ? `known are ${Object.keys(properties).join(', ')}` : `did you mean "${meant}"?`,
      );
    }
    checkValue(value, property, `${path}.${key}`);
  }
}

function checkValue(value: unknown, schema: JsonObject, path: string): void {
  const type = schema['type'];
  if (type === 'object' && isObject(value)) {
    if (isObject(schema['properties'])) checkCluster(value, schema, path);
    return;
  }
  const fits =
    type === 'array'
      ? Array.isArray(value) || typeof value === 'string' || typeof value === 'number'
      : type === 'integer'
        ? Number.isInteger(value)
        : typeof value === type;
  if (!fits) throw wrong(`"${path}" is ${show(value)}`, `it takes ${named(String(type))}`);
  const choices = schema['enum'];
  if (Array.isArray(choices) && !choices.includes(value)) {
    throw wrong(`"${path}" is ${show(value)}`, `it takes ${choices.map((choice) => show(choice)).join(' or ')}`);
  }
  const { minimum, maximum } = schema;
  const low = typeof minimum === 'number' && (value as number) < minimum;
  const high = typeof maximum === 'number' && (value as number) > maximum;
  if (low || high)
    throw wrong(`"${path}" is ${show(value)}`, `it takes a number from ${String(minimum)} to ${String(maximum)}`);
}

function named(type: string): string {
  const names = new Map([
    ['string', 'text'],
    ['boolean', 'true or false'],
    ['integer', 'a whole number'],
    ['array', 'a list'],
    ['object', 'an object'],
  ]);
  return names.get(type) ?? type;
}

const show = (value: unknown): string => JSON.stringify(value);

function wrong(message: string, remedy: string): InpodError {
  return new InpodError(`launch.json: ${message}`, remedy, ['openLaunch']);
}

/** The known word that is fewest edits away, if that is at most a third of its letters. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: { name: string; edits: number } | undefined;
  for (const name of known) {
    const edits = distance(word.toLowerCase(), name.toLowerCase());
    if (edits <= Math.max(1, Math.floor(name.length / 3)) && (best === undefined || edits < best.edits))
      best = { name, edits };
  }
  return best?.name;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; ++line) {
    const next = [line];
    for (let column = 1; column <= b.length; ++column) {
      const change = (row[column - 1] ?? 0) + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
