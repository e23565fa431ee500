// VS Code's variables, where a text is needed before VS Code itself has replaced them. Unknown ones stay.

import { homedir } from 'node:os';
import { isObject } from './json';

export function replaced(text: string, folder: string): string {
  const known = (whole: string, name: string): string => {
    if (name === 'workspaceFolder' || name === 'workspaceRoot') return folder;
    if (name === 'userHome') return homedir();
    return name.startsWith('env:') ? (process.env[name.slice(4)] ?? '') : whole;
  };
  return text.replace(/\$\{([^{}]+)\}/g, known);
}

/** The same in all texts of a value. */
export function replacedIn<T>(value: T, folder: string): T {
  const change = (item: unknown): unknown => {
    if (typeof item === 'string') return replaced(item, folder);
    if (Array.isArray(item)) return item.map(change);
    if (isObject(item)) return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, change(inner)]));
    return item;
  };
  return change(value) as T;
}
