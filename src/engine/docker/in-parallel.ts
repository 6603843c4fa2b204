/** Does the same to many things, a few at a time. */

/** How many at a time: enough to hide latency, few enough to leave connections to others. */
const width = 8;

/** The results in order. The first failure ends it; those under way are left to their signal. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  operation: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const remaining = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of remaining) results[index] = await operation(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
