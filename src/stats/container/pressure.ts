/** How long processes waited for CPU, memory and disks, where the kernel tells (v2 trees, Linux 4.20 and later). */
import type { Stall } from '../container-sample.ts';
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { ContainerCollector, ReadFigures } from './container-collector.ts';

export const containerPressure: ContainerCollector = {
  name: 'pressure',
  open(place): ReadFigures | null {
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

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=422` and, not everywhere, `full …`. null stays null. */
function parsePressure(text: string | null, file: string): Stall | null {
  if (text === null) return null;
  const some = total(whole(text, file), 'some', file);
  if (some === null) throw new UnexpectedText(`${file} has no line some`);
  return { some, full: total(text, 'full', file) };
}

function total(text: string, kind: 'some' | 'full', file: string): number | null {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${kind} `));
  if (line === undefined) return null;
  const at = line.indexOf(' total=');
  if (at < 0) throw new UnexpectedText(`${file} has no total`);
  return toNumber(line.slice(at + ' total='.length), file);
}
