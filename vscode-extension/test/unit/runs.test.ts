import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Runs } from '../../src/core/runs';

const none = (): boolean => false;
const all = (): boolean => true;
const web = { name: 'web', type: 'cppdbg' };

describe('which configurations are of a run', () => {
  it('those with its mark, from the first step to the last', () => {
    const runs = new Runs();
    const run = runs.begin();
    assert.equal(runs.take({ ...web, __inpodRun: run.id }, none), run);
    assert.equal(runs.finish({ ...web, __inpodRun: run.id }), run);
  });

  it('not what F5 starts meanwhile', () => {
    const runs = new Runs();
    const run = runs.begin();
    assert.equal(runs.take(web, none), undefined);
    assert.equal(runs.finish(web), undefined);
    runs.take({ ...web, __inpodRun: run.id }, none);
    assert.equal(runs.take({ name: 'other' }, all), undefined, 'a run of one configuration takes no compound');
  });

  it('also where the mark was lost on the way', () => {
    const runs = new Runs();
    const run = runs.begin();
    runs.take({ ...web, __inpodRun: run.id }, none);
    assert.equal(runs.finish(web), run);
    assert.equal(runs.finish(web), undefined, 'once');
  });

  it('the members of a compound, which carry no mark', () => {
    const runs = new Runs();
    const run = runs.begin();
    const member = (name: string): boolean => name !== 'lone';
    assert.equal(runs.take({ name: 'a' }, member), run);
    assert.equal(runs.take({ name: 'b' }, member), run);
    assert.equal(runs.take({ name: 'lone' }, member), undefined);
    assert.equal(runs.finish({ name: 'a' }), run);
    assert.equal(runs.finish({ name: 'lone' }), undefined);
  });

  it('nothing when it is over: what was cancelled on the way leaves no trace', () => {
    const runs = new Runs();
    const run = runs.begin({ target: 'pod/a', namespace: '' });
    assert.equal(runs.take({ ...web, __inpodRun: run.id }, none)?.target?.target, 'pod/a');
    runs.end(run);
    assert.equal(runs.finish(web), undefined);
    assert.equal(runs.take({ ...web, __inpodRun: run.id }, all), undefined);
  });
});
