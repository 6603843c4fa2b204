import { expect, it } from 'vitest';
import { DiedBySignal, MemoryIo } from '../../test/support/cli-under-test.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { EndedBySignal, Interruption } from './interruption.ts';

// @promise second-signal
it('the first Ctrl-C does what was asked for, the second ends the command, a third at once', () => {
  const io = new MemoryIo();
  using interruption = new Interruption(io);
  let interrupts = 0;
  interruption.interruptWith(async () => {
    interrupts += 1;
    return true;
  });
  io.send('SIGINT');
  expect([interrupts, interruption.signal.aborted]).toEqual([1, false]);
  io.send('SIGINT');
  expect([interrupts, interruption.signal.reason]).toEqual([1, new EndedBySignal('SIGINT')]);
  expect(() => io.send('SIGINT')).toThrow(DiedBySignal);
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends a command that asked for nothing', (signal) => {
  const io = new MemoryIo();
  using interruption = new Interruption(io);
  io.send(signal);
  expect(interruption.signal.reason).toEqual(new EndedBySignal(signal));
});

it('SIGTERM ends the command also where Ctrl-C would interrupt the program', () => {
  const io = new MemoryIo();
  using interruption = new Interruption(io);
  interruption.interruptWith(async () => true);
  io.send('SIGTERM');
  expect(interruption.signal.reason).toEqual(new EndedBySignal('SIGTERM'));
});

it('an interrupt that does not arrive ends the command', async () => {
  const io = new MemoryIo();
  using interruption = new Interruption(io);
  interruption.interruptWith(async () => {
    throw new Error('nobody there');
  });
  io.send('SIGINT');
  await expect.poll(() => interruption.signal.aborted).toBe(true);
});

it.each([
  ['is never answered', () => new Promise<boolean>(() => {})],
  ['finds nothing', async () => false],
])('an interrupt that %s ends the command after three seconds', async (_, action) => {
  const io = new MemoryIo();
  const clock = new FakeClock();
  io.clock = clock;
  using interruption = new Interruption(io);
  interruption.interruptWith(action);
  io.send('SIGINT');
  await clock.advance(2_999);
  expect(interruption.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(interruption.signal.reason).toEqual(new EndedBySignal('SIGINT'));
});

it('a program that was interrupted may take its time', async () => {
  const io = new MemoryIo();
  const clock = new FakeClock();
  io.clock = clock;
  using interruption = new Interruption(io);
  interruption.interruptWith(async () => true);
  io.send('SIGINT');
  await clock.advance(3_600_000);
  expect([interruption.signal.aborted, clock.pending]).toEqual([false, 0]);
});

it('an ended command that does not finish its cleaning up dies by the signal', async () => {
  const io = new MemoryIo();
  const clock = new FakeClock();
  io.clock = clock;
  const interruption = new Interruption(io);
  io.send('SIGTERM');
  await clock.advance(9_999);
  await expect(clock.advance(1)).rejects.toThrow(DiedBySignal);
  interruption[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

it('listens to nothing any more after its end', () => {
  const io = new MemoryIo();
  new Interruption(io)[Symbol.dispose]();
  expect(['SIGINT' as const, 'SIGTERM' as const, 'SIGHUP' as const].map((signal) => io.listens(signal))).toEqual([
    false,
    false,
    false,
  ]);
});
