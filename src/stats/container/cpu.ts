/** CPU time, and how much of it the limit held back. */
import { keyedNumber, neededNumber, onlyNumber } from '../file-text.ts';
import type { ContainerCollector, ReadFigures } from './container-collector.ts';

export const containerCpu: ContainerCollector = {
  name: 'cpu',
  needed: true,
  open(place): ReadFigures | null {
    const usage = place.folder('cpuacct');
    const limit = place.folder('cpu');
    if (usage === null) return null;
    if (usage.version === 2) {
      const file = place.file(`${usage.path}/cpu.stat`);
      return () => {
        const text = file.read();
        return {
          cpuMicroseconds: neededNumber(text, 'usage_usec', 'cpu.stat'),
          // Without the controller these lines are missing.
          throttledMicroseconds: keyedNumber(text, 'throttled_usec', 'cpu.stat'),
          cpuPeriods: keyedNumber(text, 'nr_periods', 'cpu.stat'),
          throttledPeriods: keyedNumber(text, 'nr_throttled', 'cpu.stat'),
        };
      };
    }
    const nanoseconds = place.file(`${usage.path}/cpuacct.usage`);
    const throttling = limit === null ? null : place.optional(`${limit.path}/cpu.stat`);
    return () => {
      const text = throttling?.read() ?? null;
      const throttled = text === null ? null : keyedNumber(text, 'throttled_time', 'cpu.stat');
      return {
        cpuMicroseconds: Math.round(onlyNumber(nanoseconds.read(), 'cpuacct.usage') / 1000),
        throttledMicroseconds: throttled === null ? null : Math.round(throttled / 1000),
        cpuPeriods: text === null ? null : keyedNumber(text, 'nr_periods', 'cpu.stat'),
        throttledPeriods: text === null ? null : keyedNumber(text, 'nr_throttled', 'cpu.stat'),
      };
    };
  },
};
