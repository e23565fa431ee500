import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { Pace } from '../../src/core/pace';

describe('pace', () => {
  it('works at once, then once for all wishes of a while, and never loses the last', () => {
    let now = 0;
    mock.timers.enable({ apis: ['setTimeout'] });
    mock.method(performance, 'now', () => now);
    const pass = (milliseconds: number): void => {
      now += milliseconds;
      mock.timers.tick(milliseconds);
    };
    let done = 0;
    const pace = new Pace(500, () => ++done);
    pace.wish();
    assert.equal(done, 1);
    pass(100);
    for (let i = 0; i < 5; ++i) pace.wish();
    assert.equal(done, 1);
    pass(399);
    assert.equal(done, 1);
    pass(1);
    assert.equal(done, 2);
    pass(600);
    pace.wish();
    assert.equal(done, 3);
    pace.wish();
    pace.stop();
    pass(1000);
    assert.equal(done, 3);
    mock.reset();
  });
});
