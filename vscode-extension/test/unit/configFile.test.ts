import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { findConfig, readConfig, trustFlags } from '../../src/core/configFile';

describe('the config file', () => {
  const made: string[] = [];
  let root = '';
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'inpod-unit-')));
    made.push(root);
  });
  after(() => made.forEach((path) => rmSync(path, { recursive: true })));

  const write = (name: string): string => {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    return path;
  };

  it('is the nearest one in the folder', () => {
    const outer = write('folder/.inpod/config.json');
    write('folder/a/b/x');
    const folder = join(root, 'folder');
    assert.equal(findConfig(join(folder, 'a/b'), folder), outer);
    const inner = write('folder/a/.inpod/config.yaml');
    assert.equal(findConfig(join(folder, 'a/b'), folder), inner);
    assert.equal(findConfig(folder, folder), outer);
  });

  it('is not read above the folder, nor outside it', () => {
    write('.inpod/config.yaml');
    write('folder/a/x');
    write('beside/.inpod/config.yaml');
    write('folder-too/.inpod/config.yaml');
    const folder = join(root, 'folder');
    for (const directory of ['folder/a', 'folder', '.', 'beside', 'folder-too', 'folder/none'])
      assert.equal(findConfig(join(root, directory), folder), undefined, directory);
  });

  it('is not one that a link leads out to', () => {
    write('elsewhere/config.yaml');
    write('folder/x');
    symlinkSync(join(root, 'elsewhere'), join(root, 'folder/.inpod'));
    assert.equal(findConfig(join(root, 'folder'), join(root, 'folder')), undefined);
    symlinkSync(join(root, 'elsewhere'), join(root, 'folder/out'));
    assert.equal(findConfig(join(root, 'folder/out'), join(root, 'folder')), undefined);
  });

  it("is not looked for above a repository's root", () => {
    write('folder/.inpod/config.yaml');
    write('folder/repository/.git');
    const folder = join(root, 'folder');
    assert.equal(findConfig(join(folder, 'repository'), folder), undefined);
    const own = write('folder/repository/.inpod/config.yml');
    assert.equal(findConfig(join(folder, 'repository'), folder), own);
  });

  it('holds nobody up, whatever lies under its name', () => {
    const file = write('config.yaml');
    writeFileSync(file, 'target: pod/x\n');
    assert.equal(readConfig(file), 'target: pod/x\n');
    writeFileSync(file, 'x'.repeat(1024 * 1024 + 1));
    assert.equal(readConfig(file), '');
    rmSync(file);
    execFileSync('mkfifo', [file]);
    assert.equal(readConfig(file), '');
  });

  it('needs no other yes in the folder, which inpod is told', () => {
    assert.deepEqual(trustFlags('/p'), ['--trusted-folder', '/p']);
    assert.deepEqual(trustFlags(undefined), []);
  });
});
