/** `kernelet wait`: until a kernel has ended, is paused, or runs. */
import { awaitedStates, isReached } from '../../agent/awaited-state.ts';
import { formatDuration } from '../../lib/duration.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';

/** Of one request, in milliseconds. */
const stretchMs = 30_000;
/** That of a container which was ended from outside, and whose own is not known. */
const killedStatus = 137;

export const wait = {
  name: 'wait',
  summary: 'wait for the end of a kernel',
  description: `Waits until a kernel has ended and prints its exit code: that of its container, 137 where it was removed. With --for paused or
running it waits for that, and prints the id.`,
  operands: ['<id>'],
  options: [
    { flags: '--for <state>', help: 'what to wait for (default ended)', choices: awaitedStates },
    { flags: '--timeout <duration>', help: 'fail after this long' },
  ],
  examples: [
    { command: 'kernelet wait 3f2a', what: 'its exit code, when it has ended' },
    { command: 'kernelet wait 3f2a --for paused --timeout 1h', what: 'until nobody uses it' },
  ],
  async run(call) {
    const { options, screen } = call;
    const state = options.choice('for', awaitedStates) ?? 'ended';
    const timeoutMs = options.duration('timeout');
    const until = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    const { signal } = call.listen();
    await using client = await daemonClient(call);
    // A name may be another kernel's when this one has ended.
    const { id } = await client.inspect(call.operands[0] ?? '');
    for (;;) {
      const leftMs = Math.max(0, Math.min(stretchMs, Math.ceil(until - performance.now())));
      const kernel = await client.wait(id, state, leftMs, signal);
      if (isReached(kernel.phase, kernel.paused !== null, state)) {
        const code = kernel.termination?.exitCode ?? killedStatus;
        await screen.either(kernel, () => `${state === 'ended' ? code : id}\n`);
        return 0;
      }
      if (timeoutMs !== undefined && performance.now() >= until) {
        const what = { ended: 'has not ended', paused: 'is not paused', running: 'does not run' }[state];
        const text = `kernel ${id} ${what} after ${formatDuration(timeoutMs)}`;
        throw new KerneletError('DEADLINE_EXCEEDED', text, { context: { kernel: id } });
      }
    }
  },
} satisfies CliCommand;
