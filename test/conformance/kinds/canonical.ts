/** Maps, of either kind, as sorted lists of entries: for values whose order is free. */
export function canonical(value: unknown): unknown {
  const entries =
    value instanceof Map ? [...value] : typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
  return (
    entries
      ?.map(([key, item]): [string, unknown] => [String(key), canonical(item)])
      .sort(([left], [right]) => (left < right ? -1 : 1)) ?? value
  );
}
