/** Lists of CPU cores in the kernel's form: `0-1,5` (spec resources-and-stats 5.1). */
import { KerneletError } from '../lib/errors.ts';

/** More cores than any machine has: a longer range is a mistake, and would fill the memory. */
const maxCores = 65_536;
const part = /^\s*(\d{1,6})\s*(?:-\s*(\d{0,6})\s*)?$/;

/** The cores of a list, ascending, each once. Throws INVALID_ARGUMENT for an empty or malformed one. */
export function parseCpuset(text: string): readonly number[] {
  const cores = new Set<number>();
  for (const piece of text.split(',')) {
    const [, first, last] = part.exec(piece) ?? [];
    // `1-` is taken as `1`.
    const [from, to] = [Number(first), Number(last || first)];
    if (first === undefined || to < from || to >= maxCores) {
      throw new KerneletError('INVALID_ARGUMENT', `${JSON.stringify(text.slice(0, 80))} is not a list of CPU cores`);
    }
    for (let core = from; core <= to; core += 1) cores.add(core);
  }
  return [...cores].sort((left, right) => left - right);
}
