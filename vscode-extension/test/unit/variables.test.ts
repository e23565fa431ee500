import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { describe, it } from 'node:test';
import { replaced, replacedIn } from '../../src/core/variables';

describe('variables', () => {
  it('are replaced where they are known before VS Code has done it', () => {
    assert.equal(replaced('${workspaceFolder}/a ${workspaceRoot}', '/w'), '/w/a /w');
    assert.equal(replaced('${userHome}', '/w'), homedir());
    process.env['INPOD_TEST_VARIABLE'] = 'x';
    assert.equal(replaced('${env:INPOD_TEST_VARIABLE}|${env:INPOD_NONE}', '/w'), 'x|');
    assert.equal(replaced('${config:a.b} $& ${file}', '/w'), '${config:a.b} $& ${file}');
  });

  it('are replaced in all of a value', () => {
    const value = { a: ['${workspaceFolder}', 1], b: { c: '${workspaceFolder}' }, d: true };
    assert.deepEqual(replacedIn(value, '/w'), { a: ['/w', 1], b: { c: '/w' }, d: true });
  });
});
