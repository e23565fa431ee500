import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFinding, report, summary, type Finding } from '../../src/core/report';

const findings: Finding[] = [
  { check: 'layer', status: 'ok', text: 'loads', remedy: '' },
  { check: 'RBAC', status: 'failed', text: 'you may not create jobs', remedy: 'kubectl apply -f -\nkind: Role' },
  { check: 'debugger', status: 'warning', text: 'gdb 13', remedy: 'use lldb-dap' },
];
const around = { time: 'T', configuration: 'web', target: '', inpod: '/b/inpod', editor: 'Code 1', extension: '0.1.0' };

describe('the report', () => {
  const page = report(findings, around);

  it('has the worst first, with remedies', () => {
    assert.ok(page.indexOf('What fails') < page.indexOf('What may be wrong'));
    assert.ok(page.indexOf('What may be wrong') < page.indexOf('What works'));
    assert.match(
      page,
      /- ✗ \*\*RBAC\*\* \(failed\): you may not create jobs\n {2}- To fix it: kubectl apply -f -\n {4}kind: Role/,
    );
    assert.match(page, /Launch configuration: web\n- Target: none chosen/);
    assert.match(page, /\/b\/inpod/);
  });

  it('leaves empty sections out', () => {
    assert.doesNotMatch(report(findings.slice(0, 1), around), /What fails|What may be wrong/);
  });

  it('has a summary', () => {
    assert.equal(summary(findings), '1 failed, 1 with a warning of 3 checks');
    assert.equal(summary(findings.slice(0, 1)), 'All 1 checks are fine');
  });

  it('is read from what inpod check prints', () => {
    assert.deepEqual(readFinding({ check: 'a', status: 'ok', text: 'b', remedy: '' }), {
      check: 'a',
      status: 'ok',
      text: 'b',
      remedy: '',
    });
    assert.equal(readFinding({ check: 'a', status: 'great' }), undefined);
  });
});
