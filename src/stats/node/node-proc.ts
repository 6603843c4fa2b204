/** CPU time, memory and network of the node, from `/proc` (spec resources-and-stats 13.2). */
import type { MeasuredAmount } from '../../devices/device-measures.ts';
import { networkBytes } from '../container/network.ts';
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { NodeCollector, NodeFigureName, NodeReading } from '../node-figures.ts';
import type { KeptFile } from '../open-file-cache.ts';

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

/** Makes the collector; it reads `/proc/meminfo`. */
export function nodeMemory(file: Pick<KeptFile, 'read'>): NodeCollector {
  return {
    name: 'node memory',
    async collect(): Promise<readonly NodeReading[]> {
      const { usedBytes, totalBytes } = parseMemory(file.read());
      return [{ figure: 'memoryBytes', value: usedBytes, capacity: totalBytes, parts: new Map() }];
    },
  };
}

/** Total, and what of it is not available. In some containers more is available than there is: then what is free counts. */
export function parseMemory(text: string): { readonly usedBytes: number; readonly totalBytes: number } {
  whole(text, '/proc/meminfo');
  const bytes = (key: string): number => {
    const kibibytes = new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kibibytes === undefined) throw new UnexpectedText(`/proc/meminfo has no line ${key}`);
    return toNumber(kibibytes, '/proc/meminfo') * 1024;
  };
  const totalBytes = bytes('MemTotal');
  const available = bytes('MemAvailable');
  return { usedBytes: totalBytes - (available > totalBytes ? bytes('MemFree') : available), totalBytes };
}

/** Makes the collector; it reads `/proc/self/net/dev`. */
export function nodeNetwork(file: Pick<KeptFile, 'read'>): NodeCollector {
  const reading = (figure: NodeFigureName, value: number): NodeReading => ({
    figure,
    value,
    capacity: null,
    parts: new Map(),
  });
  return {
    name: 'node network',
    async collect(): Promise<readonly NodeReading[]> {
      const { receivedBytes, sentBytes } = networkBytes(file.read(), { loopback: true });
      return [reading('receivedBytes', receivedBytes), reading('sentBytes', sentBytes)];
    },
  };
}
