import { expect, it } from 'vitest';
import { DiedBySignal, MemoryIo } from '../../test/support/cli-under-test.ts';
import { DaemonSignals, StopSignal } from './signals.ts';

it.each(['SIGTERM', 'SIGINT'] as const)('%s stops the daemon', (signal) => {
  const io = new MemoryIo();
  using signals = new DaemonSignals(io);
  expect(signals.stop.aborted).toBe(false);
  io.send(signal);
  expect(signals.stop.reason).toEqual(new StopSignal(signal));
});

it('a second SIGINT ends the process, and a SIGTERM besides the stop does not', () => {
  const io = new MemoryIo();
  using signals = new DaemonSignals(io);
  io.send('SIGTERM');
  io.send('SIGTERM');
  io.send('SIGINT');
  expect(signals.stop.reason).toEqual(new StopSignal('SIGTERM'));
  expect(() => io.send('SIGINT')).toThrow(DiedBySignal);
});

it.each(['SIGHUP', 'SIGUSR2'] as const)('%s stops nothing, and is acted on, also when it came early', (signal) => {
  const io = new MemoryIo();
  using signals = new DaemonSignals(io);
  io.send(signal);
  io.send(signal);
  let times = 0;
  signals.on(signal, () => {
    times += 1;
  });
  expect(times).toBe(1);
  io.send(signal);
  expect([times, signals.stop.aborted]).toEqual([2, false]);
});

it('listens to nothing any more when it is disposed', () => {
  const io = new MemoryIo();
  new DaemonSignals(io)[Symbol.dispose]();
  expect((['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const).filter((signal) => io.listens(signal))).toEqual([]);
});
