// "Run in Cluster" while it is under way: which of the configurations that VS Code resolves belong to it.
//
// VS Code tells nobody which launch configuration is selected, but its own start command takes keys to add to it. So a run
// starts the selected one with a mark, and takes those that carry the mark. A compound can't carry it; its members are known
// by their names, while its run is under way. All else is F5's, and stays as it is.

import type { TargetChoice } from './cluster';
import { runMark } from './configurations';
import { text, type JsonObject } from './json';

export interface Run {
  id: number;
  /** Chosen for this run: wins over all that is written down. */
  target?: TargetChoice;
  /** Names of configurations that were taken and are not through yet. */
  taken: Set<string>;
  /** Whether a marked configuration came, so that it is no compound. */
  single: boolean;
}

export class Runs {
  private readonly open = new Map<number, Run>();
  private next = 1;

  begin(target?: TargetChoice): Run {
    const run: Run = { id: this.next++, taken: new Set(), single: false, ...(target === undefined ? {} : { target }) };
    this.open.set(run.id, run);
    return run;
  }

  /** From now on nothing is the run's any more. */
  end(run: Run): void {
    this.open.delete(run.id);
  }

  /** The run that a configuration belongs to when VS Code starts to resolve it. */
  take(configuration: JsonObject, isCompounded: (name: string) => boolean): Run | undefined {
    const name = text(configuration, 'name');
    const mark = configuration[runMark];
    const marked = typeof mark === 'number' ? this.open.get(mark) : undefined;
    if (marked !== undefined) marked.single = true;
    const run = marked ?? [...this.open.values()].find((candidate) => !candidate.single && isCompounded(name));
    run?.taken.add(name);
    return run;
  }

  /** The same at the end of resolving. The debugger's own extension may have lost the mark on the way. */
  finish(configuration: JsonObject): Run | undefined {
    const name = text(configuration, 'name');
    const mark = configuration[runMark];
    const run =
      typeof mark === 'number'
        ? this.open.get(mark)
        : [...this.open.values()].find((candidate) => candidate.taken.has(name));
    run?.taken.delete(name);
    return run;
  }
}
