// What goes wrong, as people are told it: what and why (`message`), how to fix it (`remedy`), and which buttons do it.

export type Action =
  'chooseTarget' | 'environmentOnly' | 'openConfig' | 'openLaunch' | 'diagnose' | 'showLog' | 'openSettings' | 'trust';

export class InpodError extends Error {
  constructor(
    message: string,
    readonly remedy = '',
    readonly actions: readonly Action[] = actionsFor(message, remedy),
  ) {
    super(message);
    this.name = 'InpodError';
  }
}

export const sessionEnded = (): InpodError =>
  new InpodError('The session has ended', 'start it again: Run in Cluster Again', []);

/** Who fixes what. The first row that matches the message decides: rights and the way to the cluster come before targets,
 * since their texts name targets as well. A wrong row costs a less fitting button, nothing else. */
const rows: readonly { words: RegExp; actions: readonly Action[] }[] = [
  { words: /need your yes/, actions: ['openConfig', 'showLog'] },
  {
    words: /forbidden|may not|RBAC|unauthorized|kubeconfig|context|API server|ExecCredential|cannot (reach|connect)/i,
    actions: ['diagnose', 'openConfig', 'showLog'],
  },
  {
    words: /unknown key|expected |\.inpod\/|config\.(ya?ml|json)|agent\.\w+_|image/i,
    actions: ['openConfig', 'showLog'],
  },
  {
    words: /debug adapter|"debugger"|launch\.json|launch request|program|MIMode|launch configuration/i,
    actions: ['openLaunch', 'diagnose', 'showLog'],
  },
  {
    words: /\b(target|pods?|containers?|service|namespace|process)\b/i,
    actions: ['chooseTarget', 'diagnose', 'showLog'],
  },
];

export function actionsFor(message: string, remedy: string): readonly Action[] {
  const row = rows.find(({ words }) => words.test(message)) ?? rows.find(({ words }) => words.test(remedy));
  return row?.actions ?? ['diagnose', 'showLog'];
}

/** A sentence for what and why, and one for how. */
export function sentence(error: unknown): string {
  if (!(error instanceof InpodError)) return error instanceof Error ? error.message : String(error);
  if (error.remedy === '') return error.message;
  const first = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  return `${first} ${error.remedy.charAt(0).toUpperCase()}${error.remedy.slice(1)}`;
}

const hidden = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

/** A text for a notification, where VS Code makes a button of `[words](command:…)`: names of files and words of the cluster
 * must not become one. Nor do control characters and marks that turn the direction of text belong there. */
export function plain(text: string): string {
  return text.replace(/\](?=\()/g, '] ').replace(hidden, (mark) => (mark === '\n' ? mark : '\ufffd'));
}

/** A name as it stands in a row of a list. */
export function oneLine(text: string): string {
  return text.replace(hidden, '\ufffd');
}

/** The form in which `inpod` gives an error as one text: the remedy stands behind, on lines that are indented by two. */
export function errorFromText(text: string): InpodError {
  const at = text.indexOf('\n  ');
  if (at < 0) return new InpodError(text.trim());
  return new InpodError(
    text.slice(0, at).trim(),
    text
      .slice(at)
      .trim()
      .replace(/\s*\n\s*/g, ' '),
  );
}

/** The last thing that a command which failed has said on stderr, without the log lines around it. */
export function errorFromOutput(stderr: string, fallback: string): InpodError {
  const last = [...stderr.matchAll(/^inpod: /gm)].at(-1);
  if (last !== undefined) return errorFromText(stderr.slice(last.index + last[0].length));
  const line = stderr.trim().split('\n').at(-1);
  return new InpodError(line === undefined || line === '' ? fallback : line);
}

/** The user has cancelled: nothing is shown. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled');
    this.name = 'Cancelled';
  }
}
