import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { actionsFor, errorFromOutput, errorFromText, InpodError, plain, sentence } from '../../src/core/errors';

describe('errors', () => {
  it('say what, why and how in sentences', () => {
    assert.equal(sentence(new InpodError('no target given', 'set "target"')), 'no target given. Set "target"');
    assert.equal(sentence(new InpodError('what?', 'that.')), 'what? That.');
    assert.equal(sentence(new Error('x')), 'x');
    assert.equal(sentence('x'), 'x');
  });

  it('come out of what inpod prints', () => {
    const error = errorFromOutput(
      '[2026-05-04] [warning] slow\ninpod: cannot reach the API server\n  check the VPN\n  and the proxy\n',
      'x',
    );
    assert.equal(error.message, 'cannot reach the API server');
    assert.equal(error.remedy, 'check the VPN and the proxy');
    const notes = 'inpod: /tmp/.inpod/config.yaml is not read: it is theirs\ninpod: no target given\n  say -t\n';
    assert.equal(errorFromOutput(notes, 'x').message, 'no target given');
    assert.equal(errorFromOutput('', 'nothing was said').message, 'nothing was said');
    assert.equal(errorFromOutput('ld.so: no such file\n', 'x').message, 'ld.so: no such file');
    assert.equal(errorFromText('a\n  b').remedy, 'b');
    assert.equal(errorFromText('a').remedy, '');
  });

  it('make no buttons of what others say', () => {
    assert.equal(plain('a [b] (c) — ü\n  d'), 'a [b] (c) — ü\n  d');
    assert.equal(
      plain('/data/[Fix](command:workbench.action.terminal.new)'),
      '/data/[Fix] (command:workbench.action.terminal.new)',
    );
    assert.equal(plain('\u001b[2J\u009b\u202egpj\u2028'), '\ufffd[2J\ufffd\ufffdgpj\ufffd');
  });

  it('have the button that mends them first', () => {
    const first = (text: string, remedy = ''): string | undefined => actionsFor(text, remedy)[0];
    assert.equal(first('no target given'), 'chooseTarget');
    assert.equal(first('no pod of deployment/web is running in namespace "shop"'), 'chooseTarget');
    assert.equal(first('target "local:1": there is no process 1'), 'chooseTarget');
    assert.equal(first('cannot reach the API server https://x: Connection refused'), 'diagnose');
    assert.equal(first('pods is forbidden: User "a" cannot list resource "pods"'), 'diagnose');
    assert.equal(first('context "x" is in none of ~/.kube/config'), 'diagnose');
    assert.equal(first('/p/.inpod/config.yaml:3: unknown key "targt"'), 'openConfig');
    assert.equal(first('/p/.inpod/config.yaml sets keys that need your yes first: kubeconfig: "x"'), 'openConfig');
    assert.equal(first('inpod-agent was not ready in time', 'raise agent.startup_seconds'), 'openConfig');
    assert.equal(first('no debug adapter is installed here'), 'openLaunch');
    assert.equal(first("the program /p/web can't be found: No such file"), 'openLaunch');
    assert.equal(first('something else'), 'diagnose');
  });
});
