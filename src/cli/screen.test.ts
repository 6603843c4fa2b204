import { describe, expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { Screen } from './screen.ts';

const red = '\u001B[31mx\u001B[39m';

describe('a screen', () => {
  it('says results as text or, with --json, as documents; never both', async () => {
    for (const [json, expected] of [
      [false, 'text\na\n'],
      [true, '{"d":"a\\nb"}\n{"e":1}\n'],
    ] as const) {
      const io = new MemoryIo();
      const screen = new Screen(io, json);
      await screen.result('text\n');
      await screen.document({ d: 'a\nb' });
      await screen.either({ e: 1 }, () => 'a\n');
      expect(io.stdout.text).toBe(expected);
    }
  });

  it('does not fail when a note is not taken', async () => {
    const io = new MemoryIo();
    io.stderr.failure = new Error('EPIPE');
    await new Screen(io, false).note('x');
  });

  it.each<readonly [boolean, Record<string, string>, string]>([
    [true, {}, red],
    [false, {}, 'x'],
    [true, { NO_COLOR: '1' }, 'x'],
    [true, { NO_COLOR: '' }, red],
    [true, { TERM: 'dumb' }, 'x'],
  ])('colours: terminal %s, %j → %j', (terminal, environ, shown) => {
    const io = new MemoryIo();
    io.stderr.isTerminal = terminal;
    io.environ = environ;
    const screen = new Screen(io, false);
    expect([screen.style('red', 'x'), screen.resultStyle('red', 'x')]).toEqual([shown, 'x']);
  });
});
