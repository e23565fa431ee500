// What the runner (tests/editor/run) says about this run: where the tools, the package, the programs and the artefacts are.
import { readFileSync } from 'node:fs';

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start the editor tests by tests/editor/run`);
  return value;
}

/** NODE, CODE_SERVER, PLAYWRIGHT, CHROMIUM, DEBUGPY and DELVE, as tests/editor/install prints them. */
export const tools = Object.fromEntries(
  readFileSync(required('EDITOR_TOOLS'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);
/** The extension as `npm run package` makes it. */
export const vsix = required('EDITOR_VSIX');
/** The folder with `inpod`; none: the package brings its own. */
export const programs = process.env.EDITOR_PROGRAMS;
/** Where pictures and logs go. */
export const artefacts = required('EDITOR_ARTEFACTS');
