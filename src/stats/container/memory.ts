/** Memory: in use, the most ever, the limit, and kills for want of it. */
import { keyedNumber, neededNumber, numberOrMax, onlyNumber } from '../file-text.ts';
import type { ContainerCollector, ReadFigures } from './container-collector.ts';

/** The names of the files and keys of both versions. */
const names = {
  1: {
    now: 'memory.usage_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    limit: 'memory.limit_in_bytes',
    cache: 'total_inactive_file',
    events: 'memory.oom_control',
  },
  2: {
    now: 'memory.current',
    peak: 'memory.peak',
    limit: 'memory.max',
    cache: 'inactive_file',
    events: 'memory.events',
  },
} as const;

export const containerMemory: ContainerCollector = {
  name: 'memory',
  needed: true,
  open(place): ReadFigures | null {
    const folder = place.folder('memory');
    if (folder === null) return null;
    const { now, peak, limit, cache, events } = names[folder.version];
    const current = place.file(`${folder.path}/${now}`);
    const stat = place.file(`${folder.path}/memory.stat`);
    const most = place.file(`${folder.path}/${limit}`);
    // Kernels before 5.19 keep no peak in v2, those before 4.13 don't count kills.
    const highest = place.optional(`${folder.path}/${peak}`);
    const counts = place.optional(`${folder.path}/${events}`);
    return () => {
      const charged = onlyNumber(current.read(), now);
      const droppable = neededNumber(stat.read(), cache, 'memory.stat');
      const peakText = highest.read();
      const eventsText = counts.read();
      const bound = numberOrMax(most.read(), limit);
      return {
        memoryBytes: Math.max(0, charged - droppable),
        memoryPeakBytes: peakText === null ? null : Math.max(charged, onlyNumber(peakText, peak)),
        // v1 says a number above all memory for none.
        memoryLimitBytes: Math.min(bound ?? place.nodeMemoryBytes, place.nodeMemoryBytes),
        outOfMemoryKills: eventsText === null ? null : keyedNumber(eventsText, 'oom_kill', events),
      };
    };
  },
};
