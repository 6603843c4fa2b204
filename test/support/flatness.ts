/** Whether something grows with the work that is done: the rule of the soak. */

/** What there was of each kind when so many operations had been done. A kind that is not named was not there. */
export interface Sample {
  readonly operations: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** What a kind has grown from the first half of the samples to the later one. */
export interface Growth {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  readonly perHundred: number;
}

/** Fewer tell nothing: three for each half, and two to warm up. */
const leastSamples = 8;
/** What may be added to a kind. */
export interface Allowance {
  /** However much is done: pools have a few more or fewer. */
  readonly once: number;
  readonly perHundred: number;
}

/**
 * How all kinds have grown, the first quarter of the samples left out, in which caches and pools fill. Of each half the lower
 * quartile is taken: what is there for a moment only adds, and what leaks is always there. Throws when there are too few samples.
 */
export function growthOf(samples: readonly Sample[]): readonly Growth[] {
  if (samples.length < leastSamples) throw new Error(`${samples.length} samples are too few to tell what grows`);
  const warm = samples.slice(Math.ceil(samples.length / 4));
  const half = Math.floor(warm.length / 2);
  const [first, later] = [warm.slice(0, half), warm.slice(-half)];
  const hundreds = (meanOperations(later) - meanOperations(first)) / 100;
  return [...new Set(warm.flatMap(({ counts }) => Object.keys(counts)))].toSorted().map((kind) => {
    const [from, to] = [lowerQuartile(first, kind), lowerQuartile(later, kind)];
    return { kind, from, to, perHundred: (to - from) / hundreds };
  });
}

/** What has grown by more than its kind may, both in all and in a hundred operations. */
export function leaksIn(samples: readonly Sample[], mayGrow: (kind: string) => Allowance): readonly Growth[] {
  return growthOf(samples).filter(({ kind, from, to, perHundred }) => {
    const allowed = mayGrow(kind);
    return to - from > allowed.once && perHundred > allowed.perHundred;
  });
}

function meanOperations(samples: readonly Sample[]): number {
  return samples.reduce((sum, { operations }) => sum + operations, 0) / samples.length;
}

function lowerQuartile(samples: readonly Sample[], kind: string): number {
  const sorted = samples.map(({ counts }) => counts[kind] ?? 0).toSorted((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 4)] ?? 0;
}
