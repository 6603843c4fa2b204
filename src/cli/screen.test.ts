import { describe, expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { facts, Screen, table } from './screen.ts';

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

  // @promise terminal-text
  it('has nothing in tables, facts and notes by which a tenant could move the cursor or make a line of its own', async () => {
    const io = new MemoryIo();
    const hostile = 'a\u001B[2J\u009B1m\u202E\nkernelet: all is well\r';
    const shown = 'a\\x1b[2J\\x9b1m\\u202e';
    await new Screen(io, false).note(hostile);
    expect(io.stderr.text).toBe(`kernelet: ${shown}\n  kernelet: all is well\\r\n`);
    expect(table([{ heading: 'A' }], [[hostile]])).toBe(`A\n${shown}\\nkernelet: all is well\\r\n`);
    const fact = `${shown}\\nkernelet: all is well\\r`;
    expect(facts([[hostile, hostile]])).toBe(`${fact}: ${fact}\n`);
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

it('a table aligns its columns by characters, and has no spaces at the end of a line', () => {
  const columns = [{ heading: 'NAME' }, { heading: 'SIZE', align: 'right' as const }, { heading: 'NOTE' }];
  const rows = [['größe→', '1', ''], ['ok', '12345', 'x'], ['short']];
  expect(table(columns, rows)).toBe(
    ['NAME     SIZE  NOTE', 'größe→      1', 'ok      12345  x', 'short', ''].join('\n'),
  );
});

it('a table gives way in the widest of the columns that may be cut, as far as the room asks for it', () => {
  const columns = [{ heading: 'ID' }, { heading: 'NAME', cut: true }, { heading: 'IMAGE', cut: true }];
  const rows = [['1234567890', 'größe-größe-größe', 'a-name-of-ten!']];
  expect(table(columns, rows, 40)).toBe('ID          NAME           IMAGE\n1234567890  größe-größe-…  a-name-of-te…\n');
  expect(table(columns, rows, 10)).toBe('ID          NAME      IMAGE\n1234567890  größe-g…  a-name-…\n');
  expect(table(columns, rows, 100)).toBe(table(columns, rows));
});

it('a table without rows has its heading only', () => {
  expect(table([{ heading: 'ID' }], [])).toBe('ID\n');
});

it('facts have their values in one column', () => {
  expect(
    facts([
      ['id', '1'],
      ['longer', '2'],
    ]),
  ).toBe('id:     1\nlonger: 2\n');
  expect(facts([])).toBe('');
});
