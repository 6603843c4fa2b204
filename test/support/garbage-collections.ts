/** Puts a counter in the place of V8's collections, which only processes with `--expose-gc` can ask for; the caller puts it back. */
export function countGarbageCollections(): () => number {
  let collections = 0;
  globalThis.gc = (async () => {
    collections += 1;
  }) as NonNullable<typeof globalThis.gc>;
  return () => collections;
}
