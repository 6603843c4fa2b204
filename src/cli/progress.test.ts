import { describe, expect, it } from 'vitest';
import { MemoryIo } from './cli.test-support.ts';
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
    const text = await shown(true, [['a'.repeat(50), 0.5], ['b']]);
    const lines = text.split('\r\u001B[K');
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(/^\S+ a{20} 50 %$/);
    expect(lines.at(-1)).toBe('');
    expect(text).not.toContain('\n');
  });

  it('lets nothing of what a build prints move the cursor', async () => {
    expect(await shown(false, [['\u001B[0m\u001B[91mE:\u001B[2J bad\u0007\n']])).toBe('E: bad\\x07\n');
    expect(await shown(false, [['\u001B[0m']])).toBe('');
  });

  it('does not keep a stderr that is closed from ending', async () => {
    const io = new MemoryIo();
    io.stderr.failure = new Error('EPIPE');
    await using progress = new Progress(new Screen(io, false));
    progress.update({ message: 'x' });
  });
});
