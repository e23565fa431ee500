// Bounded waits for what the browser can't be asked to wait for.
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until the answer is truthy, and returns it. After `bound` milliseconds it throws, with what was
 * waited for and the last answer (or error).
 */
export async function eventually(what, ask, bound = 60_000) {
  const end = Date.now() + bound;
  for (;;) {
    let last;
    try {
      const answer = await ask();
      if (answer) return answer;
      last = JSON.stringify(answer);
    } catch (error) {
      last = String(error);
    }
    if (Date.now() > end) throw new Error(`not within ${bound / 1000} s: ${what}; last: ${last}`);
    await delay(100);
  }
}
