// Launch configurations of other debuggers: each adapter gets its user's configuration as it was, with the session's
// environment in the adapter's own form. The adapters of cppdbg and CodeLLDB can't be installed here; recording ones stand
// in their places (support/adapter-extensions.mjs). Node's is VS Code's own, and real.
import assert from 'node:assert/strict';
import { addAdapterExtension, recorded } from './support/adapter-extensions.mjs';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const service = { program: '${workspaceFolder}/build/service', args: ['8080', 'two words'], cwd: '${workspaceFolder}' };

const { scenario } = editorTests(import.meta.url, {
  prepare({ developer, workspace, shop }) {
    addAdapterExtension(developer, 'cppdbg');
    addAdapterExtension(developer, 'lldb');
    workspace.write('.inpod/config.yaml', `target: deployment/web\nnamespace: ${shop.namespace}\n`);
    workspace.write(
      'app.js',
      'console.log(`node sees ${process.env.APP_COLOR} and ${process.env.OWN}: ${require("fs").readFileSync("/etc/web/config.yaml", "utf8")}`);\n',
    );
    workspace.launch(
      {
        ...service,
        type: 'cppdbg',
        request: 'launch',
        name: 'C++ (gdb)',
        MIMode: 'gdb',
        environment: [{ name: 'OWN', value: 'of the configuration' }],
        setupCommands: [{ text: '-enable-pretty-printing', ignoreFailures: true }],
      },
      {
        ...service,
        type: 'lldb',
        request: 'launch',
        name: 'CodeLLDB',
        env: { OWN: 'of the configuration' },
        sourceLanguages: ['cpp'],
      },
      {
        type: 'node',
        request: 'launch',
        name: 'Node',
        program: '${workspaceFolder}/app.js',
        env: { OWN: 'of the configuration' },
      },
    );
  },
});

async function launchOf({ window, developer }, type, configuration) {
  await window.debug.selectConfiguration(configuration);
  await window.command('Inpod: Run in Cluster');
  const got = await eventually(
    `the adapter of ${type} gets a launch`,
    () => recorded(developer, type).find(({ command }) => command === 'launch'),
    60_000,
  );
  await window.debug.ended();
  return got.arguments;
}

function keptAsItWas(launch, workspace) {
  assert.equal(launch.program, `${workspace.path}/build/service`);
  assert.deepEqual(launch.args, ['8080', 'two words']);
  assert.equal(launch.cwd, workspace.path);
  assert.equal(launch.cluster, undefined);
}

scenario('cppdbg: its gdb is told a wrapper that gives environment and layer to the program alone', async (context) => {
  const launch = await launchOf(context, 'cppdbg', 'C++ (gdb)');
  keptAsItWas(launch, context.workspace);
  assert.equal(launch.type, 'cppdbg');
  assert.equal(launch.MIMode, 'gdb');
  assert.ok(
    launch.setupCommands.some(({ text }) => text === '-enable-pretty-printing'),
    "the user's own commands are kept",
  );
  const records = recorded(context.developer, 'cppdbg');
  assert.equal(records.find(({ started }) => started).env.LD_PRELOAD, null);
  assert.doesNotMatch(JSON.stringify(launch), /teal|libinpod/);
  const { behindWrapper } = records.find((entry) => entry.behindWrapper);
  assert.match(behindWrapper, /^APP_COLOR=teal$/m);
  assert.match(behindWrapper, /^OWN=of the configuration$/m);
  assert.match(behindWrapper, /^LD_PRELOAD=.*libinpod\.so/m);

  // The adapter passes these commands on to gdb as they are; so does this.
  const ask = ['show environment APP_COLOR', 'show exec-wrapper'].map((text) => `-interpreter-exec console "${text}"`);
  const lines = [...launch.setupCommands.map(({ text }) => text), ...ask, '-gdb-exit', ''];
  const said = context.developer.run('gdb', ['-nx', '-q', '--interpreter=mi2'], lines.join('\n'));
  assert.doesNotMatch(said, /^\^error/m);
  assert.match(said, /APP_COLOR.*not defined/);
  assert.match(said, /wrapper.*exec-environment/);
});

scenario('CodeLLDB: by its port, with env as an object', async (context) => {
  const launch = await launchOf(context, 'lldb', 'CodeLLDB');
  keptAsItWas(launch, context.workspace);
  assert.deepEqual(launch.sourceLanguages, ['cpp']);
  assert.equal(launch.env.APP_COLOR, 'teal');
  assert.equal(launch.env.OWN, 'of the configuration');
  assert.match(launch.env.LD_PRELOAD, /libinpod\.so/);
  const { started, env } = recorded(context.developer, 'lldb').find((entry) => entry.started);
  assert.match(started.join(' '), /--port \d+/);
  assert.equal(env.LD_PRELOAD, null);
});

scenario("node: its adapter stays VS Code's, its program is in the pod", async ({ window }) => {
  await window.debug.selectConfiguration('Node');
  await window.command('Inpod: Run in Cluster');
  await window.debug.showConsole();
  await window.debug.inConsole(/node sees teal and of the configuration: greeting: hello from the pod/, 60_000);
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
});
