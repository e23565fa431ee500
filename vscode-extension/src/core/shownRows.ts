// The rows that VS Code holds. It knows them by identity, and a row that it has to draw anew takes its children away until it
// has asked for them again: a click that comes meanwhile finds no row. So a row stays the same object as long as the thing
// it shows is there, and only rows that look different are drawn anew.

import type { Row } from './tree';

export class ShownRows {
  roots: Row[] = [];
  private known = new Map<string, Row>();

  /** Takes over what there is to show now. The rows to draw anew, or 'all'. */
  take(fresh: readonly Row[]): Row[] | 'all' {
    const changed: Row[] = [];
    const before = this.known;
    const shown = ids(this.roots);
    this.known = new Map();
    this.roots = fresh.map((row) => this.merge(row, before, changed));
    return ids(this.roots) === shown ? changed : 'all';
  }

  private merge(fresh: Row, before: ReadonlyMap<string, Row>, changed: Row[]): Row {
    const row = before.get(fresh.id) ?? fresh;
    const anew = row !== fresh && (look(row) !== look(fresh) || ids(row.children) !== ids(fresh.children));
    if (anew) changed.push(row);
    // What is below a row that is drawn anew is asked for again by itself.
    const children = fresh.children.map((child) => this.merge(child, before, anew ? [] : changed));
    this.known.set(row.id, Object.assign(row, fresh, { children }));
    return row;
  }
}

const ids = (rows: readonly Row[]): string => rows.map((row) => row.id).join('\n');

function look({ label, description, tooltip, spoken, icon, context }: Row): string {
  return JSON.stringify([label, description, tooltip, spoken, icon, context]);
}
