/** CPU time of the node and of each CPU, since boot (spec resources-and-stats 13.2). */
import { Decimal, roundEven } from '../../lib/decimal.ts';
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { KeptFile } from '../kept-files.ts';
import { definitionOf, type MeasuredValue, type NodeCollector, type NodeMeasure } from '../measure.ts';
import { nodeMeasures } from '../measure-kinds.ts';

const definition = definitionOf(nodeMeasures.cpu_util, false);
/** The kernel counts in hundredths of a second, whatever its own clock does. */
const tickMs = 10;

/** Makes the collector; it reads `/proc/stat`. */
export function nodeCpu(file: Pick<KeptFile, 'read'>): NodeCollector {
  let previous: number | null = null;
  return {
    name: 'node cpu',
    async collect(at): Promise<readonly NodeMeasure[]> {
      const devices = new Map<string, MeasuredValue>();
      const capacity = previous === null ? new Decimal(0) : roundEven(new Decimal((at - previous) * 1000), 3);
      let sum = new Decimal(0);
      for (const [cpu, milliseconds] of parseCpuTimes(file.read())) {
        const value = new Decimal(milliseconds);
        devices.set(cpu, { value, capacity });
        sum = sum.plus(value);
      }
      previous = at;
      return [{ key: 'cpu_util', definition, value: sum, capacity, devices }];
    },
  };
}

/** Milliseconds that each CPU spent on programs and on the system for them, by its number. */
export function parseCpuTimes(text: string): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const line of whole(text, '/proc/stat').split('\n')) {
    const [, cpu, user, system] = /^cpu(\d+) (\d+) \d+ (\d+) /.exec(line) ?? [];
    if (cpu === undefined || user === undefined || system === undefined) continue;
    times.set(cpu, (toNumber(user, '/proc/stat') + toNumber(system, '/proc/stat')) * tickMs);
  }
  if (times.size === 0) throw new UnexpectedText('/proc/stat has no CPU');
  return times;
}
