// The extensions whose debuggers inpod works with, as far as this machine can have them: the same ids, debug types and
// places of their adapters. Those of lldb-dap, Python and Go start the real adapter; the other two record what they get
// (adapters/recorder.mjs).
import { readFileSync } from 'node:fs';
import { tools } from './settings.mjs';

const recorder = readFileSync(new URL('../adapters/recorder.mjs', import.meta.url), 'utf8');
const delve = new URL('../adapters/delve.mjs', import.meta.url).pathname;
const record = (name) =>
  `#!/bin/sh\nexec '${tools.NODE}' "$(dirname "$(readlink -f "$0")")/recorder.mjs" ${name} "$@"\n`;

const extensions = {
  cppdbg: {
    publisher: 'ms-vscode',
    name: 'cpptools',
    program: 'debugAdapters/bin/OpenDebugAD7',
    script: record('cppdbg'),
  },
  lldb: { publisher: 'vadimcn', name: 'vscode-lldb', program: 'adapter/codelldb', script: record('lldb') },
  'lldb-dap': {
    publisher: 'llvm-vs-code-extensions',
    name: 'lldb-dap',
    program: 'bin/lldb-dap',
    script: '#!/bin/sh\nexec lldb-dap-19 "$@"\n',
  },
  debugpy: {
    publisher: 'ms-python',
    name: 'debugpy',
    language: 'python',
    program: 'bundled/adapter',
    script: `#!/bin/sh\nPYTHONPATH='${tools.DEBUGPY}' exec python3 -m debugpy.adapter "$@"\n`,
  },
  go: {
    publisher: 'golang',
    name: 'go',
    language: 'go',
    program: 'bin/delve',
    script: `#!/bin/sh\nexec '${tools.NODE}' '${delve}' '${tools.DELVE}'\n`,
  },
};

/** Puts the extension for a debug type among those that code-server will find when it starts. */
export function addAdapterExtension(developer, type) {
  const { publisher, name, program, script, language = 'cpp' } = extensions[type];
  const folder = `code/extensions/${publisher}.${name}-1.0.0`;
  const manifest = {
    publisher,
    name,
    version: '1.0.0',
    engines: { vscode: '^1.90.0' },
    contributes: {
      breakpoints: [{ language }],
      debuggers: [
        {
          type,
          label: name,
          program,
          configurationAttributes: { launch: { properties: { program: { type: 'string' } } } },
        },
      ],
    },
  };
  developer.write(`${folder}/package.json`, JSON.stringify(manifest, null, 2));
  developer.write(`${folder}/${program}`, script, 0o755);
  developer.write(`${folder}/${program.slice(0, program.lastIndexOf('/'))}/recorder.mjs`, recorder);
}

/** What the recording adapter for a type has got so far, in order. */
export function recorded(developer, type) {
  try {
    return developer
      .read(`adapter-${type}.jsonl`)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}
