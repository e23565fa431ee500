import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import schema from '../../schemas/config.json';
import manifest from '../../package.json';
import { checkCluster, clusterOf, nearest, parseTarget, targetInFile, withTarget } from '../../src/core/cluster';
import { configTemplate } from '../../src/core/configFile';
import { InpodError } from '../../src/core/errors';
import { isObject, objectOf, type JsonObject } from '../../src/core/json';

const failure = (cluster: JsonObject): InpodError => {
  try {
    checkCluster(cluster, schema);
  } catch (error) {
    if (error instanceof InpodError) return error;
  }
  throw new Error('no error');
};

describe('cluster keys', () => {
  it('are fine when they are as the schema says', () => {
    checkCluster({}, schema);
    checkCluster(
      {
        target: 'deployment/web',
        incoming: { mode: 'steal', ports: [8080], map: { '3000': 80 } },
        files: { write: ['/a/**'], local: '/opt/**' },
        environment: { set: { A: 'b' } },
        agent: { lease_seconds: 60 },
        hostname: false,
      },
      schema,
    );
  });

  it('that are misspelt name what was meant', () => {
    assert.match(failure({ targt: 'x' }).message, /unknown key "cluster\.targt"/);
    assert.match(failure({ targt: 'x' }).remedy, /"target"/);
    assert.match(failure({ incoming: { mod: 'steal' } }).message, /"cluster\.incoming\.mod"/);
    assert.match(failure({ zzzzzz: 1 }).remedy, /known are target/);
  });

  it('with wrong values say what they take', () => {
    assert.match(failure({ incoming: { mode: 'stela' } }).remedy, /"mirror" or "steal"|"steal" or "mirror"/);
    assert.match(failure({ hostname: 'no' }).remedy, /true or false/);
    assert.match(failure({ agent: { lease_seconds: 100_000 } }).remedy, /from 0 to 86400/);
    assert.match(failure({ agent: { lease_seconds: 1.5 } }).remedy, /whole number/);
    assert.match(failure({ incoming: 'steal' }).remedy, /an object/);
    assert.deepEqual(failure({ hostname: 'no' }).actions, ['openLaunch']);
  });

  it('are an object, a target, or nothing', () => {
    assert.deepEqual(clusterOf({}), {});
    assert.deepEqual(clusterOf({ cluster: null }), {});
    assert.deepEqual(clusterOf({ cluster: 'pod/a' }), { target: 'pod/a' });
    assert.throws(() => clusterOf({ cluster: 3 }), /not an object/);
  });

  it('take the chosen target, and no namespace of another', () => {
    const cluster = { namespace: 'old', hostname: false };
    assert.deepEqual(withTarget(cluster, { target: 'pod/a', namespace: 'shop' }), {
      hostname: false,
      target: 'pod/a',
      namespace: 'shop',
    });
    assert.deepEqual(withTarget(cluster, { target: 'local:4', namespace: '' }), { hostname: false, target: 'local:4' });
    assert.equal(withTarget(cluster, undefined), cluster);
  });

  it('are the same in the manifest as in the schema', () => {
    const launch = manifest.contributes.debuggers[0]?.configurationAttributes.launch.properties.cluster;
    const names = (object: unknown): unknown =>
      Object.fromEntries(
        Object.entries(objectOf(objectOf(object)['properties'])).map(([key, value]) => [
          key,
          isObject(value) ? names(value) : {},
        ]),
      );
    assert.deepEqual(names(launch), names(schema));
    assert.ok(Object.keys(schema.properties).length > 5);
  });
});

describe('targets as text', () => {
  it('are read with and without a namespace', () => {
    assert.deepEqual(parseTarget(' deployment/web '), { target: 'deployment/web', namespace: '' });
    assert.deepEqual(parseTarget('shop/deployment/web'), { target: 'deployment/web', namespace: 'shop' });
    assert.deepEqual(parseTarget('pod/a/container/b'), { target: 'pod/a/container/b', namespace: '' });
    assert.deepEqual(parseTarget('shop/pod/a/container/b'), { target: 'pod/a/container/b', namespace: 'shop' });
    for (const text of ['local:42', 'label:app=web', 'targetless', 'label:app=web/container/x']) {
      assert.deepEqual(parseTarget(text), { target: text, namespace: '' });
    }
    assert.deepEqual(parseTarget('pod/pod'), { target: 'pod/pod', namespace: '' });
  });

  it('are refused where they are none', () => {
    for (const text of [
      '',
      'web',
      'deployment/',
      'thing/web',
      'pod/a b',
      'local:x',
      'pod/a/b',
      'pod/a/container',
      'label:',
    ]) {
      assert.equal(parseTarget(text), undefined, text);
    }
  });

  it('are found in config files', () => {
    assert.equal(targetInFile('config.yaml', 'namespace: x\ntarget: deployment/web  # the web\n'), 'deployment/web');
    assert.equal(targetInFile('config.yaml', 'target: "label:a=b"\n'), 'label:a=b');
    assert.equal(targetInFile('config.yml', "target: 'pod/a'"), 'pod/a');
    assert.equal(targetInFile('config.yaml', '# target: deployment/web\nfiles:\n  target: no\n'), '');
    assert.equal(targetInFile('config.yaml', 'target:\n'), '');
    assert.equal(targetInFile('config.json', '{"target": "pod/a"}'), 'pod/a');
    assert.equal(targetInFile('config.json', '{"target": '), '');
  });
});

describe('the new config file', () => {
  it('changes nothing as it is, and names only keys that are there', () => {
    const lines = configTemplate.split('\n').filter((line) => line !== '');
    assert.ok(lines.every((line) => line.startsWith('#')));
    const keys = [...configTemplate.matchAll(/^# (\w+):/gm)]
      .map((match) => match[1] ?? '')
      .filter((key) => key !== 'mirror' && key !== 'steal');
    assert.ok(keys.length >= 8);
    for (const key of keys) assert.ok(key in schema.properties, key);
    let section: JsonObject = {};
    for (const [, top, inner] of configTemplate.matchAll(/^# (?:(\w+):| {2}(\w+):)/gm)) {
      if (top !== undefined) section = objectOf(objectOf((schema.properties as JsonObject)[top])['properties']);
      else assert.ok(inner !== undefined && inner in section, inner);
    }
  });
});

describe('nearest', () => {
  it('finds a word within a third of its letters', () => {
    assert.equal(nearest('namspace', ['target', 'namespace']), 'namespace');
    assert.equal(nearest('TARGET', ['target']), 'target');
    assert.equal(nearest('xyz', ['target']), undefined);
  });
});
