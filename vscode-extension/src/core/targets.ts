// What can be targeted, as `inpod targets -o json` prints it, and the rows of the quick pick made from it: the last choices
// on top, then one group for each namespace and kind, those of the context's own namespace first.

import { describeTarget, parseTarget, type TargetChoice } from './cluster';
import { number, objects, text, texts, type JsonObject } from './json';

export interface ListedPod {
  name: string;
  state: string;
  created: string;
}

export interface ListedTarget extends TargetChoice {
  created: string;
  ready: number;
  wanted: number;
  containers: string[];
  pods: ListedPod[];
  demo: boolean;
}

export function readTarget(line: JsonObject): ListedTarget | undefined {
  const target = text(line, 'target');
  if (target === '') return undefined;
  return {
    target,
    namespace: text(line, 'namespace'),
    created: text(line, 'created'),
    ready: number(line, 'ready'),
    wanted: number(line, 'wanted'),
    containers: texts(line, 'containers'),
    pods: objects(line, 'pods').map((pod) => ({
      name: text(pod, 'name'),
      state: text(pod, 'state'),
      created: text(pod, 'created'),
    })),
    demo: line['demo'] === true,
  };
}

/** "3d", "5h", "12m", "40s"; empty where the time is none. */
export function age(created: string, now: number): string {
  const then = Date.parse(created);
  if (Number.isNaN(then)) return '';
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  if (seconds >= 2 * 86400) return `${Math.floor(seconds / 86400)}d`;
  if (seconds >= 2 * 3600) return `${Math.floor(seconds / 3600)}h`;
  if (seconds >= 2 * 60) return `${Math.floor(seconds / 60)}m`;
  return `${seconds}s`;
}

export interface TargetRow {
  kind: 'target' | 'group';
  label: string;
  description: string;
  detail: string;
  choice?: TargetChoice;
  containers: string[];
}

const plurals = new Map([
  ['pod', 'pods'],
  ['deployment', 'deployments'],
  ['statefulset', 'stateful sets'],
  ['daemonset', 'daemon sets'],
  ['replicaset', 'replica sets'],
  ['job', 'jobs'],
  ['cronjob', 'cron jobs'],
  ['rollout', 'rollouts'],
  ['service', 'services'],
]);
const order = [...plurals.keys()].filter((kind) => kind !== 'pod').concat('pod');

const kindOf = (target: string): string => target.slice(0, target.indexOf('/'));
const group = (label: string): TargetRow => ({ kind: 'group', label, description: '', detail: '', containers: [] });

function row(target: ListedTarget, now: number): TargetRow {
  const old = age(target.created, now);
  const onePod = kindOf(target.target) === 'pod';
  const state = onePod ? (target.pods[0]?.state ?? '') : `${target.ready}/${target.wanted} ready`;
  const facts = target.demo ? ["the demo's pod on this machine"] : [target.namespace, state, old];
  const pods = target.pods.map((pod) => [pod.name, pod.state, age(pod.created, now)].filter(Boolean).join(' '));
  return {
    kind: 'target',
    label: target.target,
    description: facts.filter(Boolean).join(' · '),
    detail: onePod ? '' : pods.slice(0, 3).join(', ') + (pods.length > 3 ? `, and ${pods.length - 3} more` : ''),
    choice: { target: target.target, namespace: target.namespace },
    containers: target.containers,
  };
}

/** A remembered choice that the cluster does not show now is kept: the list may be of another namespace, or incomplete. */
function recentRow(choice: TargetChoice, listed: readonly ListedTarget[], now: number): TargetRow {
  const base = choice.target.replace(/\/container\/[^/]+$/, '');
  const found = listed.find((item) => item.target === base && item.namespace === choice.namespace);
  if (found !== undefined) return { ...row(found, now), label: choice.target, choice, containers: [] };
  return { kind: 'target', label: choice.target, description: choice.namespace, detail: '', choice, containers: [] };
}

/** `own`: the namespace of the kube context, which comes before the others. */
export function targetRows(
  listed: readonly ListedTarget[],
  recent: readonly TargetChoice[],
  now: number,
  own = '',
): TargetRow[] {
  const rows: TargetRow[] = [];
  if (recent.length > 0) rows.push(group('recent'), ...recent.map((choice) => recentRow(choice, listed, now)));
  const demo = listed.filter((item) => item.demo);
  if (demo.length > 0) rows.push(group('this machine'), ...demo.map((item) => row(item, now)));
  const groups = new Map<string, ListedTarget[]>();
  const rank = (item: ListedTarget): number => order.indexOf(kindOf(item.target));
  const foreign = (item: ListedTarget): number => (item.namespace === own ? 0 : 1);
  const sorted = listed
    .filter((item) => !item.demo)
    .sort(
      (a, b) =>
        foreign(a) - foreign(b) ||
        a.namespace.localeCompare(b.namespace) ||
        rank(a) - rank(b) ||
        a.target.localeCompare(b.target),
    );
  for (const item of sorted) {
    const kind = kindOf(item.target);
    const name = [item.namespace, plurals.get(kind) ?? kind].filter(Boolean).join(' · ');
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  for (const [name, items] of groups) rows.push(group(name), ...items.map((item) => row(item, now)));
  return rows;
}

/** What was typed, if it is a target that no row shows. */
export function typedRow(value: string, rows: readonly TargetRow[]): TargetRow | undefined {
  const choice = parseTarget(value);
  if (choice === undefined || rows.some((item) => item.label === choice.target)) return undefined;
  return {
    kind: 'target',
    label: choice.target,
    description: [choice.namespace, 'as typed'].filter(Boolean).join(' · '),
    detail: '',
    choice,
    containers: [],
  };
}

const maxRecent = 5;

export function remember(recent: readonly TargetChoice[], choice: TargetChoice): TargetChoice[] {
  const others = recent.filter((item) => describeTarget(item) !== describeTarget(choice));
  return [choice, ...others].slice(0, maxRecent);
}
