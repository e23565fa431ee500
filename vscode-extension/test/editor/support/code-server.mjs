// A code-server of the test's own: VS Code's server with a fresh profile in the developer's home, the packaged extension
// installed in it, on a free port of loopback. It runs as the developer.
import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { promisify } from 'node:util';
import { tools, vsix } from './settings.mjs';
import { eventually } from './wait.mjs';

// Nothing that moves, asks or looks things up; what the driver reads must be in the page's DOM.
const settings = {
  'chat.disableAIFeatures': true,
  'debug.console.acceptSuggestionOnEnter': 'off',
  'debug.onTaskErrors': 'debugAnyway',
  'editor.accessibilitySupport': 'off',
  'editor.minimap.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'remote.autoForwardPorts': false,
  'telemetry.telemetryLevel': 'off',
  'terminal.integrated.gpuAcceleration': 'off',
  'typescript.disableAutomaticTypeAcquisition': true,
  'update.mode': 'none',
  'window.confirmBeforeClose': 'never',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.reduceMotion': 'on',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
};

export class CodeServer {
  /**
   * `settings`: more of the user's settings. `extensions`: more packages to install. `trusted`: false leaves the question
   * whether the folder's authors are trusted to the user; by default workspace trust is off.
   */
  static async start(developer, { settings: more = {}, extensions = [], trusted = true } = {}) {
    const profile = developer.mkdir('code');
    const config = developer.write('code/config.yaml', 'bind-addr: 127.0.0.1:0\nauth: none\ncert: false\n');
    developer.write('code/data/User/settings.json', JSON.stringify({ ...settings, ...more }, null, 2));
    const options = [
      '--config',
      config,
      '--user-data-dir',
      `${profile}/data`,
      '--extensions-dir',
      `${profile}/extensions`,
    ];
    const as = developer.spawnOptions();
    as.env = {
      ...as.env,
      EXTENSIONS_GALLERY: '{}',
      XDG_CONFIG_HOME: profile,
      XDG_DATA_HOME: profile,
      XDG_CACHE_HOME: profile,
    };

    const install = [vsix, ...extensions].flatMap((file) => ['--install-extension', file]);
    const installed = await promisify(execFile)(tools.NODE, [tools.CODE_SERVER, ...options, ...install, '--force'], {
      ...as,
      timeout: 180_000,
    });
    const server = new CodeServer(developer);
    server.trusted = trusted;
    server.installation = installed.stdout + installed.stderr;

    const trust = trusted ? ['--disable-workspace-trust'] : [];
    const quiet = [
      '--disable-telemetry',
      '--disable-update-check',
      '--disable-getting-started-override',
      '--ignore-last-opened',
    ];
    const command = [tools.CODE_SERVER, ...options, ...trust, ...quiet];
    // It gives its own child process ten seconds to answer, which a machine that builds meanwhile may not keep.
    for (let tries = 3; !server.url; --tries) {
      try {
        server.url = await server.#listen(command, as);
      } catch (error) {
        await server.stop();
        if (tries === 1) throw error;
      }
    }
    return server;
  }

  /** Starts it; the address where it listens. */
  async #listen(command, as) {
    this.process = spawn(tools.NODE, command, { ...as, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = new Promise((resolve) => this.process.once('exit', resolve));
    const log = createWriteStream(this.developer.path('code/server.log'), { flags: 'a' });
    let said = '';
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.pipe(log, { end: false });
      stream.on('data', (data) => (said += data));
    }
    const { process } = this;
    const url = await eventually(
      'code-server listens',
      () => {
        const ended = process.exitCode !== null || process.signalCode !== null;
        return /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1] ?? (ended && 'ended');
      },
      120_000,
    );
    if (url === 'ended') throw new Error(`code-server ended: ${said}`);
    return url;
  }

  constructor(developer) {
    this.developer = developer;
  }

  /** Changes the user's settings while VS Code runs; it takes them up by itself. */
  set(more) {
    const path = 'code/data/User/settings.json';
    this.developer.write(path, JSON.stringify({ ...JSON.parse(this.developer.read(path)), ...more }, null, 2));
  }

  /** Ends the server and with it the extension hosts. */
  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), 10_000);
    await this.exited;
    clearTimeout(timer);
  }

  kill() {
    process.kill(-this.process.pid, 'SIGKILL');
  }
}
