import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { TerminalEvents } from './program-terminal.ts';
import { awayMs, SharedTerminal, type Viewer } from './shared-terminal.ts';

function setUp(isKept = true) {
  const clock = new FakeClock();
  const told: string[] = [];
  let events: TerminalEvents | null = null;
  const terminal = new SharedTerminal({
    ...{ isKept, clock, onEnd: () => told.push('over') },
    open: (given) => {
      events = given;
      return {
        write: async () => true,
        resize: ({ columns, rows }) => told.push(`${columns}x${rows}`),
        resume: () => told.push('resumed'),
        [Symbol.dispose]: () => void told.push('hung up'),
      };
    },
  });
  const prints = (text: string): boolean => events?.onOutput(Buffer.from(text)) ?? false;
  return { clock, told, terminal, prints, ends: () => events?.onEnd() };
}

function viewer() {
  const seen = { text: '', ended: false, full: false };
  const looks: Viewer = {
    get full() {
      return seen.full;
    },
    show: (bytes) => {
      seen.text += Buffer.from(bytes).toString();
    },
    ended: () => {
      seen.ended = true;
    },
  };
  return { seen, looks };
}

it('shows the same to all who look, and to those who come later what was before', () => {
  const { terminal, prints, ends, told } = setUp();
  const [first, second] = [viewer(), viewer()];
  terminal.join(first.looks);
  prints('one ');
  terminal.join(second.looks);
  prints('two');
  ends();
  for (const { seen } of [first, second]) expect(seen).toMatchObject({ text: 'one two', ended: true });
  expect(told.at(-1)).toBe('over');
});

it('waits for a viewer who is alone, and not for one of several, who then gets the newest', () => {
  const { terminal, prints, told } = setUp();
  const [slow, quick] = [viewer(), viewer()];
  terminal.join(slow.looks);
  slow.seen.full = true;
  expect(prints('kept ')).toBe(false);
  terminal.join(quick.looks);
  expect(told).toContain('resumed');
  for (let count = 0; count < 40; count += 1) expect(prints('x'.repeat(50_000))).toBe(true);
  expect(quick.seen.text).toHaveLength(2_000_005);
  slow.seen.full = false;
  terminal.goOn(slow.looks);
  expect(slow.seen.text).toMatch(/^\r\n\[output before this was not kept\]\r\nx+$/);
  expect(slow.seen.text.length).toBeLessThan(1_200_000);
});

it('runs on without viewers for ten minutes, and not beyond', async () => {
  const { terminal, prints, told, clock } = setUp();
  const [gone, back] = [viewer(), viewer()];
  terminal.join(gone.looks);
  gone.seen.full = true;
  prints('before ');
  terminal.leave(gone.looks);
  expect(prints('meanwhile')).toBe(true);
  await clock.advance(awayMs - 1);
  terminal.join(back.looks);
  expect(back.seen.text).toBe('before meanwhile');
  await clock.advance(awayMs);
  expect(told).not.toContain('hung up');
  terminal.leave(back.looks);
  await clock.advance(awayMs);
  expect(told.slice(-2)).toEqual(['hung up', 'over']);
});

it('is hung up with its viewer when nobody can come back', () => {
  const { terminal, told, ends } = setUp(false);
  const { looks } = viewer();
  terminal.join(looks);
  terminal.leave(looks);
  terminal.leave(looks);
  ends();
  expect(told).toEqual(['resumed', 'hung up', 'over']);
});
