/** Waiting for what comes by itself. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats what throws until it doesn't; throws its last error after `seconds`. */
export async function eventually<Value>(holds: () => Promise<Value>, seconds = 60): Promise<Value> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(300);
    }
  }
}
