// `.inpod/config.yaml`: where it is looked for, and what "Open Config" writes where there is none yet.

import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const configNames = ['config.yaml', 'config.yml', 'config.json'];
const repositories = ['.git', '.hg', '.jj', '.svn'];

/** The flags by which `inpod` learns that the workspace's user trusts this folder: it asks no more about a config file there,
 * and looks for none above. */
export function trustFlags(folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--trusted-folder', folder];
}

/** As `inpod --trusted-folder FOLDER` finds it: in the directory and those above, up to the folder, a repository's root, the
 * home or a mount. Nothing outside the folder is looked at. */
export function findConfig(directory: string, folder: string): string | undefined {
  let at = real(directory);
  const last = real(folder);
  if (at === undefined || last === undefined || !isWithin(at, last)) return undefined;
  for (; ; at = dirname(at)) {
    const here = at;
    const found = configNames.map((name) => join(here, '.inpod', name)).find((path) => existsSync(path));
    if (found !== undefined) return isWithin(real(found) ?? '', last) ? found : undefined;
    if (at === last || at === real(homedir()) || repositories.some((name) => existsSync(join(here, name))))
      return undefined;
    if (statSync(at).dev !== statSync(dirname(at)).dev) return undefined;
  }
}

/** Bytes of the longest file that `inpod` reads. */
const longestConfig = 1024 * 1024;

/** Its text, or '' of what `inpod` would not read either: a FIFO, which would hold up all extensions, or a huge file. */
export function readConfig(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const status = fstatSync(descriptor);
    return status.isFile() && status.size <= longestConfig ? readFileSync(descriptor, 'utf8') : '';
  } finally {
    closeSync(descriptor);
  }
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
}

/** Everything is a comment, so that the new file changes nothing. */
export const configTemplate = `# What inpod should know about this project's cluster sessions. Every key may be left out; a launch
# configuration's "cluster": {…} takes the same keys and wins. Remove a "#" to use a line.

# What to run in: deployment/NAME, pod/NAME, statefulset/NAME, service/NAME, label:KEY=VALUE, …
# target: deployment/checkout
# namespace: shop
# context: staging

# mirror: the program gets a copy of the pod's requests and the pod answers.
# steal: the program answers instead of the pod.
# incoming:
#   mode: steal
#   ports: [8080]
#   map: {3000: 80}          # the program's port: the pod's port

# Files are the pod's, read-only, but for the program, its libraries and your home directory.
# files:
#   local: [/opt/tools/**]
#   write: [/var/lib/app/**]

# The pod's variables, with changes.
# environment:
#   exclude: ["*_TOKEN"]
#   set: {LOG_LEVEL: debug}

# Connections leave from the pod, but for these.
# outgoing:
#   local: [10.8.0.0/16]

# How long the agent waits in the cluster for the next launch.
# agent:
#   lease_seconds: 300
`;
