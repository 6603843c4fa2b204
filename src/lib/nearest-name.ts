/** "Did you mean …?": the known name that a mistyped one is nearest to. */

/**
 * The candidate with the fewest edits (insert, delete, replace, swap of neighbours) from `name`, if that is at most a
 * third of the longer one's length (at least 1). Case and the difference of `-` and `_` don't count.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(name);
  let best: { readonly candidate: string; readonly edits: number } | undefined;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, folded.length) / 3));
    if (Math.abs(wanted.length - folded.length) > allowed) continue;
    const edits = editDistance(wanted, folded);
    if (edits <= allowed && (!best || edits < best.edits)) best = { candidate, edits };
  }
  return best?.candidate;
}

/** ` (did you mean "x"?)`, or nothing: ready to be put behind a message. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? '' : ` (did you mean ${JSON.stringify(nearest)}?)`;
}

function fold(name: string): string {
  return name.slice(0, 200).toLowerCase().replaceAll('_', '-');
}

/** The optimal string alignment distance: a swap of neighbours is one edit. */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const at = (line: readonly number[], index: number): number => line[index] ?? 0;
      const replaced = at(last, column - 1) + (left[row - 1] === right[column - 1] ? 0 : 1);
      let edits = Math.min(at(last, column) + 1, at(current, column - 1) + 1, replaced);
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        edits = Math.min(edits, at(beforeLast, column - 2) + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}
