// Writes what `inpod schema` says into schemas/config.json (config files) and package.json (launch.json's `cluster`), so
// that nothing here lists inpod's keys a second time. With --check it only says whether they are in step.
// INPOD names the program; else the release build's, else the dev build's.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const candidates = [process.env.INPOD, '../build/release/bin/inpod', '../build/dev/bin/inpod'];
const inpod = candidates.find((path) => path && existsSync(path));
if (!inpod) {
  console.error('schema: inpod is not built: cmake --preset release && cmake --build --preset release, or set INPOD');
  process.exit(1);
}

const schema = JSON.parse(execFileSync(inpod, ['schema'], { encoding: 'utf8' }));
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const [own] = manifest.contributes.debuggers;
own.configurationAttributes.launch.properties.cluster = forLaunch(schema);

const wanted = [
  ['schemas/config.json', `${JSON.stringify(schema, null, 2)}\n`],
  ['package.json', `${JSON.stringify(manifest, null, 2)}\n`],
];
const stale = wanted.filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text);
if (!process.argv.includes('--check')) {
  for (const [file, text] of stale) writeFileSync(file, text);
} else if (stale.length > 0) {
  console.error(
    `schema: ${stale.map(([file]) => file).join(' and ')} differ from \`inpod schema\`: run npm run schema`,
  );
  process.exit(1);
}

/** The same keys as a property of a launch configuration; null and false switch the session off. Descriptions are Markdown
 * there, so that names stand out in the hover. */
function forLaunch(root) {
  const { properties, additionalProperties } = root;
  return {
    type: ['object', 'null', 'boolean'],
    markdownDescription:
      'The cluster session of this launch; its keys win over `.inpod/config.yaml`. `{}`: all as the file says. `null` or `false`: no session.',
    default: { target: 'deployment/' },
    additionalProperties,
    properties: markdown(properties),
  };
}

function markdown(properties) {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { description, properties: inner, ...rest }]) => [
      name,
      { ...rest, markdownDescription: description, ...(inner ? { properties: markdown(inner) } : {}) },
    ]),
  );
}
