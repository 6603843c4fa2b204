/**
 * How often the kernel's out-of-memory killer struck in this container, from the cgroup's own counter (v1
 * `memory.oom_control`, v2 `memory.events`), as the container sees it.
 */
import { readFileSync } from 'node:fs';

const counters = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];

/** The count, or 0 where there is no counter: then no death is blamed on memory. */
export function oomKills(paths: readonly string[] = counters): number {
  for (const path of paths) {
    try {
      const match = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8'));
      if (match) return Number(match[1]);
    } catch {
      // The other version's file is tried.
    }
  }
  return 0;
}
