/** How the kernel's out-of-memory killer shows inside a container: by the counter of the container's cgroup. */
import { readFileSync } from 'node:fs';
import type { ContainerLog } from './container-log.ts';

const oomCounters = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];

/**
 * How often the kernel's out-of-memory killer struck in this container, from the cgroup's own counter (v1
 * `memory.oom_control`, v2 `memory.events`). 0 where there is no counter: then no death is blamed on memory.
 */
export function oomKills(paths: readonly string[] = oomCounters): number {
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

/** Says in the container's log what ran out of memory (spec kernel-runner 18.3): a program seldom gets to say it itself. */
export class OomNotes {
  readonly #log: Pick<ContainerLog, 'line'>;
  readonly #count: () => number;
  #kills: number;

  constructor(log: Pick<ContainerLog, 'line'>, count: () => number = oomKills) {
    this.#log = log;
    this.#count = count;
    this.#kills = count();
  }

  /** To be called when a program has ended: it, or something that it had started, may have been killed. */
  ended(program: string, exitCode: number): void {
    const kills = this.#count();
    const killed = kills - this.#kills;
    if (killed <= 0) return;
    this.#kills = kills;
    const what = killed === 1 ? '1 process was killed' : `${killed} processes were killed`;
    const how = exitCode < 0 ? `was ended by signal ${-exitCode}` : `ended with status ${exitCode}`;
    this.#log.line('WARN', `out of memory: ${what}; ${program} ${how}`);
  }
}
