/**
 * Pages of the program's own files that only its start has needed. They count as memory of each process that has touched them,
 * though all share one copy in the cache of the disk: of Node they are 35 MB. What is needed again comes back out of that cache.
 */
import { readFileSync } from 'node:fs';
import { koffi } from './foreign-functions.ts';

/** `MADV_DONTNEED`: the process lets go, and the file keeps what it has. */
const letGo = 4;

const madvise: (from: bigint, bytes: bigint, advice: number) => number = koffi
  .load('libc.so.6')
  .func('int madvise(uintptr_t, size_t, int)');

/** They stay where they are, for as long as the process lives. */
let mappings: readonly Mapping[] | null = null;

/** Lets them go. What this process has changed in memory is left alone: that is in no file. */
export function letProgramPagesGo(): void {
  mappings ??= unchangedMappings(readFileSync('/proc/self/smaps', 'utf8'));
  for (const { from, to } of mappings) madvise(from, to - from, letGo);
}

/** Addresses, the second the first behind the mapping. */
interface Mapping {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * The mappings of `smaps` (proc(5)) that are of a file, cannot be written, and have no page of the process's own, in memory or
 * swapped out: that page would be lost. Pure.
 */
export function unchangedMappings(smaps: string): readonly Mapping[] {
  return smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/).flatMap((mapping) => {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [1-9]\d* +\//.exec(mapping) ?? [];
    const isUnchanged = /^Anonymous: +0 kB$/m.test(mapping) && /^Swap: +0 kB$/m.test(mapping);
    return from && to && isUnchanged ? [{ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) }] : [];
  });
}
