// The processes of one user, read from /proc: proof that nothing was left running, and the means to end what was.
import { readdirSync, readFileSync, statSync } from 'node:fs';

/** [{pid, command}] of all living processes that run as `uid`. */
export function processesOf(uid) {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (statSync(`/proc/${pid}`).uid !== uid && realUid(pid) !== uid) continue;
      if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) continue;
      found.push({
        pid: Number(pid),
        command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim(),
      });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

// The folder of a process that may not be dumped belongs to root; its status tells whose it is.
function realUid(pid) {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
