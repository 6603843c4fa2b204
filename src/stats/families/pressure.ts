/** How long processes waited for CPU, memory and disks, where the kernel tells (v2 trees, Linux 4.20 and later). */
import { parsePressure } from '../pressure-text.ts';
import type { ContainerFamily, ReadFamily } from './family.ts';

/** The family. */
export const pressureFamily: ContainerFamily = {
  name: 'pressure',
  open(place): ReadFamily | null {
    const folder = place.unified();
    if (folder === null) return null;
    const cpu = place.optional(`${folder}/cpu.pressure`);
    const memory = place.optional(`${folder}/memory.pressure`);
    const io = place.optional(`${folder}/io.pressure`);
    return () => ({
      cpuStall: parsePressure(cpu.read(), 'cpu.pressure'),
      memoryStall: parsePressure(memory.read(), 'memory.pressure'),
      ioStall: parsePressure(io.read(), 'io.pressure'),
    });
  },
};
