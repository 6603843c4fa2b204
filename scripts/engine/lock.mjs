// One start or stop of a private engine at a time, among all tasks of this machine.
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTime } from './processes.mjs';

const patienceMs = 120_000;

/** Whether the process that holds the lock is still there. An unfinished record counts as held. */
async function held(file) {
  const [pid, started] = (await readFile(file, 'utf8').catch(() => '')).split(' ');
  return !pid || !started || started === (await startTime(pid));
}

/** Runs `task` while no other process runs one under this lock. A lock whose holder has died is taken over. */
export async function withLock(file, task) {
  const limit = Date.now() + patienceMs;
  for (;;) {
    const handle = await open(file, 'wx').catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (handle) {
      await handle.writeFile(`${process.pid} ${await startTime(process.pid)}`);
      await handle.close();
      break;
    }
    if (Date.now() > limit)
      throw new Error(`another task holds ${file} for too long; remove the file if there is none`);
    if (!(await held(file))) await rm(file, { force: true });
    await sleep(100);
  }
  try {
    return await task();
  } finally {
    await rm(file, { force: true });
  }
}
