/** Ranges of ids that a system gives away, as `/etc/subuid` and `/etc/subgid` name them. */

/** So many ids from the first on. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** Reads lines `name:first:count` as engines do: what comes behind these is passed over, and a line without is none. Pure. */
export function parseIdRanges(text: string): readonly IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, first, count] = line.split(':').map((part) => part.trim());
    if (!/^\d+$/.test(first ?? '')) return [];
    const range = { first: Number(first), count: Number(count) };
    return range.count > 0 ? [range] : [];
  });
}
