// Makes inpod-linux-x64-VERSION.vsix: the extension with the programs of a release build, stripped. BUILD names another
// build directory than ../build/release. Fails where a program is missing, vsce warns, or the package grows past its limit.
// With --out FILE it makes the extension alone, without programs, for tests that name theirs by the setting inpod.path.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const target = 'linux-x64';
const limit = 15_000_000;
const build = process.env.BUILD ?? '../build/release';
const parts = [
  { to: 'bin/inpod', from: ['bin/inpod'] },
  { to: 'lib/inpod/libinpod.so', from: ['bin/libinpod.so', 'lib/libinpod.so', 'lib/inpod/libinpod.so'] },
  { to: 'lib/inpod/inpod-agent', from: ['bin/inpod-agent', 'lib/inpod/inpod-agent'] },
];

function fail(text) {
  console.error(`package: ${text}`);
  process.exit(1);
}

function run(command, args, env = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}`;
  process.stdout.write(output);
  if (done.error) fail(`${command} can't be started: ${done.error.message}`);
  if (done.status !== 0) fail(`${command} ${args.join(' ')} failed`);
  return output;
}

const at = process.argv.indexOf('--out');
const bare = at > 0 ? process.argv[at + 1] : undefined;
if (at > 0 && !bare) fail('--out needs a file');
if (process.platform !== 'linux' || process.arch !== 'x64') fail(`this machine builds no ${target} programs`);
for (const { to } of parts) rmSync(to, { force: true });
for (const { to, from } of bare ? [] : parts) {
  const found = from.map((path) => join(build, path)).find((path) => existsSync(path));
  if (!found) {
    fail(
      `${from[0]} is not in ${build}; build it first: cmake --preset release && cmake --build --preset release (in the repository's root)`,
    );
  }
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(found, to);
  run('strip', ['--strip-unneeded', to]);
  console.log(`package: ${to}: ${(statSync(to).size / 1024 / 1024).toFixed(2)} MiB`);
}
const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
if (!bare) {
  run('bin/inpod', ['--version']);
  run(process.execPath, ['scripts/schema.mjs', '--check'], { INPOD: 'bin/inpod' });
}

const vsix = bare ?? `inpod-${target}-${version}.vsix`;
const options = ['--target', target, '--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links'];
const said = run(process.execPath, ['node_modules/@vscode/vsce/vsce', 'package', ...options, '--out', vsix]);
if (/\bwarning\b/i.test(said)) fail('vsce warns (above)');
const size = statSync(vsix).size;
console.log(`package: ${vsix}: ${(size / 1024 / 1024).toFixed(2)} MiB`);
if (size > limit) fail(`${vsix} is larger than ${limit / 1_000_000} MB`);
