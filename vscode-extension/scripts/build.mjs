// Bundles src/extension.ts into dist/extension.js (with --production: minified, no source map), or with --test each unit
// test into out/. --watch builds again on every change.
import { build, context } from 'esbuild';
import { readdirSync, rmSync } from 'node:fs';

const flag = (name) => process.argv.includes(name);
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['vscode'],
  logLevel: 'warning',
  legalComments: 'none',
};
const tests = () => readdirSync('test/unit').filter((name) => name.endsWith('.test.ts'));
const options = flag('--test')
  ? { ...common, entryPoints: tests().map((name) => `test/unit/${name}`), outdir: 'out', sourcemap: 'inline' }
  : {
      ...common,
      entryPoints: ['src/extension.ts'],
      outfile: 'dist/extension.js',
      minify: flag('--production'),
      sourcemap: !flag('--production'),
    };

rmSync(flag('--test') ? 'out' : 'dist', { recursive: true, force: true });
if (flag('--watch')) {
  await (await context(options)).watch();
} else {
  await build(options);
}
