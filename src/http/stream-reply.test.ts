import { expect, it } from 'vitest';
import { ofDeclaredLength } from './stream-reply.ts';

/** The bytes that pass, and whether the end is an error. */
async function pass(chunks: readonly string[], length: number): Promise<[string, boolean]> {
  let text = '';
  try {
    for await (const chunk of ofDeclaredLength(ReadableStream.from(chunks.map((it) => Buffer.from(it))), length)) {
      expect(chunk.length).toBeGreaterThan(0);
      text += Buffer.from(chunk).toString();
    }
    return [text, false];
  } catch {
    return [text, true];
  }
}

it.each<readonly [readonly string[], number, string, boolean]>([
  [['ab', '', 'cd'], 4, 'abcd', false],
  [[], 0, '', false],
  [['', ''], 0, '', false],
  [['ab', 'cde'], 4, 'abcd', true],
  [['abcd', 'e'], 4, 'abcd', true],
  [['a'], 0, '', true],
  [['ab'], 4, 'ab', true],
  [[], 1, '', true],
])('of %j as %d bytes comes %j, an error at the end: %s', async (chunks, length, text, fails) => {
  expect(await pass(chunks, length)).toEqual([text, fails]);
});

it('lets go of its source at the surplus, and when its reader leaves', async () => {
  for (const leave of [true, false]) {
    let cancelled = false;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.from('abc')),
      cancel: () => {
        cancelled = true;
      },
    });
    const read = async () => {
      for await (const _ of ofDeclaredLength(source, 4)) if (leave) return 'left';
      return 'read';
    };
    expect(await read().catch(() => 'failed')).toBe(leave ? 'left' : 'failed');
    expect(cancelled).toBe(true);
  }
});
