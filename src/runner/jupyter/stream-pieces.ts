/** Cuts what a program has printed into pieces that go over to the runner one by one. Pure. */

/** UTF-16 units of a piece. */
const maxPiece = 128 * 1024;

/** The pieces of a text; no character is cut in two. */
export function* piecesOf(whole: string): Generator<string> {
  for (let start = 0; start < whole.length; ) {
    let end = Math.min(start + maxPiece, whole.length);
    if (end < whole.length && isHighSurrogate(whole.charCodeAt(end - 1))) end -= 1;
    yield whole.slice(start, end);
    start = end;
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
