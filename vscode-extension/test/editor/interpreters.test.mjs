// Node.js, Python and Go: their debuggers stay in VS Code's hands, real ones here, and get the environment of a session that
// runs beside them. The program answers the pod's requests, stops at breakpoints, and is restarted in the same session; one
// in Go, into which no layer can be loaded, has the pod's environment alone, if the user agrees to that.
import assert from 'node:assert/strict';
import { addAdapterExtension } from './support/adapter-extensions.mjs';
import { editorTests } from './support/tests.mjs';
import { eventually } from './support/wait.mjs';

const programs = {
  'app.js': [
    "const { readFileSync } = require('node:fs');",
    "require('node:http').createServer((request, response) => {",
    "  const greeting = readFileSync('/etc/web/config.yaml', 'utf8');",
    '  const answer = `by node ${request.url} ${process.env.APP_COLOR} ${process.env.OWN} ${greeting}`;',
    '  response.end(answer);',
    '}).listen(8080);',
  ],
  'app.py': [
    'import http.server, os',
    '',
    'class Handler(http.server.BaseHTTPRequestHandler):',
    '    def do_GET(self):',
    "        greeting = open('/etc/web/config.yaml').read()",
    "        answer = f\"by python {self.path} {os.environ['APP_COLOR']} {os.environ['OWN']} {greeting}\".encode()",
    '        self.send_response(200)',
    '        self.end_headers()',
    '        self.wfile.write(answer)',
    '',
    "http.server.ThreadingHTTPServer(('0.0.0.0', 8080), Handler).serve_forever()",
  ],
  'app.go': [
    'package main',
    '',
    'import (',
    '\t"fmt"',
    '\t"os"',
    ')',
    '',
    'func main() {',
    '\tcolor, own := os.Getenv("APP_COLOR"), os.Getenv("OWN")',
    '\tfmt.Println(color, own)',
    '}',
  ],
};

const { scenario } = editorTests(import.meta.url, {
  prepare({ developer, workspace, shop }) {
    addAdapterExtension(developer, 'debugpy');
    addAdapterExtension(developer, 'go');
    for (const [name, lines] of Object.entries(programs)) workspace.write(name, `${lines.join('\n')}\n`);
    developer.run('go', ['build', '-gcflags=-N -l', '-o', workspace.path + '/build/go', workspace.path + '/app.go']);
    workspace.write(
      '.inpod/config.yaml',
      `target: deployment/web\nnamespace: ${shop.namespace}\nincoming:\n  mode: steal\n`,
    );
    const own = { request: 'launch', env: { OWN: 'own' } };
    workspace.launch(
      { request: 'launch', type: 'inpod', name: 'Service', program: '${workspaceFolder}/build/service' },
      { ...own, type: 'node', name: 'Node', program: '${workspaceFolder}/app.js' },
      { ...own, type: 'debugpy', name: 'Python', program: '${workspaceFolder}/app.py', python: '/usr/bin/python3' },
      { ...own, type: 'go', name: 'Go', mode: 'exec', program: '${workspaceFolder}/build/go' },
    );
  },
});

async function debugs(language, name, file, line, { window, picture, shop }) {
  await window.debug.selectConfiguration(name);
  await window.command('Inpod: Run in Cluster');
  await window.status.session.waitFor({ timeout: 60_000 });
  await window.debug.started();
  const whole = (path) => `by ${language} ${path} teal own greeting: hello from the pod\n`;
  assert.equal(await shop.requestToProgram('/first', language), whole('/first'));
  await window.cluster.show();
  await window.cluster.shows(/^8080 stolen/);
  await window.cluster.shows(new RegExp(`deployment/web .*${shop.namespace}`));
  const agents = await shop.agents();

  await window.editor.open(file);
  await window.editor.clickGutter(line);
  const answer = shop.request('/stop');
  assert.equal((await window.editor.stoppedLine()).line, line);
  assert.match((await window.debug.variables('greeting')).greeting, /hello from the pod/);
  await picture(`${language}-stopped`);
  await window.debug.continue();
  assert.equal(await answer, whole('/stop'));
  await window.editor.clickGutter(line, { set: false });

  await window.debug.restart();
  await eventually('the restarted program serves', async () => (await shop.request('/again')) === whole('/again'));
  assert.deepEqual(await shop.agents(), agents, 'the agent is still the same');
  assert.equal(await window.status.session.count(), 1);

  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
  await shop.answeredByPod();
}

scenario('Node.js', (context) => debugs('node', 'Node', 'app.js', 4, context));
scenario('Python', (context) => debugs('python', 'Python', 'app.py', 6, context));

scenario('Go, after a word on what it will not have', async ({ window, picture, developer, shop }) => {
  await window.editor.open('app.go');
  await window.editor.clickGutter(10);
  await window.debug.selectConfiguration('Go');
  await window.command('Inpod: Run in Cluster');
  const refused = await window.notifications.wait(/Go program/);
  assert.match(refused.text, /files, names and connections would be this machine's/);
  await picture('go-refused');
  assert.ok(
    developer.processes().every(({ command }) => !command.includes('build/go')),
    'it does not run',
  );

  const stops = async () => {
    assert.equal((await window.editor.stoppedLine()).line, 10);
    await window.status.says(/deployment\/web · environment only/);
    const variables = await window.debug.variables('color');
    assert.match(variables.color, /teal/);
    assert.match(variables.own, /own/);
  };
  await window.notifications.click(/Go program/, 'Run With the Environment Only');
  await stops();
  await picture('go-stopped');
  await window.debug.continue();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });

  await window.command('Inpod: Run in Cluster');
  await stops(); // without a question
  await window.debug.stop();
  await window.debug.ended();
  await window.status.session.waitFor({ state: 'detached' });
  await shop.answeredByPod();
});
