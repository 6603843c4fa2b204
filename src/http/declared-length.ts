/**
 * Bodies whose length was told before them. On a connection that lives on, a client takes what is too much for the reply to
 * its next request, and waits for what is missing.
 */
import { KerneletError } from '../lib/errors.ts';

/** The chunks, cut at `length` bytes. Throws INTERNAL when the source has more or fewer: the connection has to be closed. */
export async function* ofDeclaredLength(
  chunks: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let passed = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(0, length - passed);
    passed += piece.length;
    if (piece.length > 0) yield piece;
    if (piece.length < chunk.length) throw new KerneletError('INTERNAL', `a body of ${length} bytes has more`);
  }
  if (passed < length) throw new KerneletError('INTERNAL', `a body of ${length} bytes ended after ${passed}`);
}
