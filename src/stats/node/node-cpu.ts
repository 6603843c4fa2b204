/** CPU time of the node and of each CPU, since boot (spec resources-and-stats 13.2). */
import type { MeasuredAmount } from '../../devices/device-measures.ts';
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { KeptFile } from '../kept-files.ts';
import type { NodeCollector, NodeReading } from '../node-figures.ts';

/** The kernel counts in hundredths of a second, whatever its own clock does. */
const ticksPerSecond = 100;

/** Makes the collector; it reads `/proc/stat`. */
export function nodeCpu(file: Pick<KeptFile, 'read'>): NodeCollector {
  let previous: number | null = null;
  return {
    name: 'node cpu',
    async collect(at): Promise<readonly NodeReading[]> {
      const capacity = previous === null ? 0 : at - previous;
      const parts = new Map<string, MeasuredAmount>();
      let sum = 0;
      for (const [cpu, ticks] of parseCpuTicks(file.read())) {
        parts.set(cpu, { value: ticks / ticksPerSecond, capacity });
        sum += ticks;
      }
      previous = at;
      return [{ figure: 'cpuSeconds', value: sum / ticksPerSecond, capacity, parts }];
    },
  };
}

/** What each CPU spent on programs and on the system for them, in hundredths of a second, by its number. */
export function parseCpuTicks(text: string): ReadonlyMap<string, number> {
  const ticks = new Map<string, number>();
  for (const line of whole(text, '/proc/stat').split('\n')) {
    const [, cpu, user, system] = /^cpu(\d+) (\d+) \d+ (\d+) /.exec(line) ?? [];
    if (cpu === undefined || user === undefined || system === undefined) continue;
    ticks.set(cpu, toNumber(user, '/proc/stat') + toNumber(system, '/proc/stat'));
  }
  if (ticks.size === 0) throw new UnexpectedText('/proc/stat has no CPU');
  return ticks;
}
