/** What may be on a disk, by name: all values that were under way, or the one that was acknowledged; null: nothing. */
export type Possible<Value> = Readonly<Record<string, readonly (Value | null)[]>>;

/** Throws unless what is there is one of what may be; where nothing is said, nothing may. */
export function expectOneOf<Value>(
  what: string,
  possible: readonly (Value | null)[] = [null],
  there: Value | null,
): void {
  if (possible.includes(there)) return;
  throw new Error(`${what} is ${JSON.stringify(there)}, and may be ${JSON.stringify(possible)}`);
}
