import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { Progress } from './progress.ts';
import { Screen } from './screen.ts';

async function shown(terminal: boolean, updates: readonly (readonly [string, number?])[]): Promise<string> {
  const io = new MemoryIo();
  io.stderr.isTerminal = terminal;
  io.stderr.columns = 30;
  await using progress = new Progress(new Screen(io, false));
  for (const [message, fraction] of updates) {
    progress.update(fraction === undefined ? { message } : { message, fraction });
  }
  await progress[Symbol.asyncDispose]();
  return io.stderr.text;
}

describe('progress', () => {
  it('is a line for each new message where there is no terminal', async () => {
    expect(
      await shown(false, [['pulling', 0], ['pulling', 0.5], ['Step 1/2'], ['Step 1/2'], [' '], ['Step 2/2', 0.999]]),
    ).toBe('pulling 0 %\nStep 1/2\nStep 2/2 99 %\n');
  });

  it('is one line on a terminal, which is gone at the end', async () => {
    const text = await shown(true, [
      ['a'.repeat(50), 0.5],
      ['b', 0.6],
    ]);
    // What comes between two frames is not drawn.
    expect(text.split('\r\u001B[K')).toEqual(['', expect.stringMatching(/^\S+ a{20} 50 %$/), '']);
    expect(text).not.toContain('\n');
  });

  it('lets nothing of what a build prints move the cursor', async () => {
    expect(await shown(false, [['\u001B[0m\u001B[91mE:\u001B[2J bad\u0007\n']])).toBe('E: bad\\x07\n');
    expect(await shown(false, [['\u001B[0m']])).toBe('');
  });

  it.each([
    [true, 8, ['sending 0 %', 'sending 50 %']],
    [true, null, ['sending 0 B', 'sending 4 B']],
    [false, 8, []],
  ])('of a transfer is shown on a terminal only, and gone behind it: %s, %s', async (terminal, size, expected) => {
    const io = new MemoryIo();
    io.stderr.isTerminal = terminal;
    const pieces: string[] = [];
    const content = (async function* () {
      for (const piece of ['abcd', 'efgh']) {
        yield Buffer.from(piece);
        // Longer than a frame.
        if (piece === 'efgh') await new Promise((resolve) => setTimeout(resolve, 110));
      }
    })();
    await using progress = new Progress(new Screen(io, false));
    for await (const piece of progress.watch(content, { message: 'sending', size })) pieces.push(String(piece));
    expect(pieces).toEqual(['abcd', 'efgh']);
    const lines = io.stderr.text.split('\r\u001B[K').map((line) => stripVTControlCharacters(line).slice(2));
    expect(lines.filter((line) => line !== '')).toEqual(expected);
    expect(lines.at(-1)).toBe('');
  });

  it('does not keep a stderr that is closed from ending', async () => {
    const io = new MemoryIo();
    io.stderr.failure = new Error('EPIPE');
    await using progress = new Progress(new Screen(io, false));
    progress.update({ message: 'x' });
  });
});
