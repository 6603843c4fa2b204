import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import { type AgentIdConflictOptions, refuseAgentIdConflict } from './agent-id-conflict.ts';

/** A clock on which all pauses are short. */
const clock = { ...systemClock, after: (_: number, callback: () => void) => systemClock.after(1, callback) };

const check = (
  registered: string | undefined,
  seen: readonly (string | null | Error)[],
  rest: Partial<AgentIdConflictOptions> = {},
) => {
  const left = [...seen];
  const lastSeen = async (): Promise<string | null> => {
    const next = left.shift() ?? null;
    if (next instanceof Error) throw next;
    return next;
  };
  const options = { agentId: 'i-a', ip: '10.0.0.1', registered, lastSeen, heartbeatMs: 20_000, clock };
  return refuseAgentIdConflict({ ...options, log: silentLogger, signal: AbortSignal.timeout(5000), ...rest });
};

it('refuses a name under which heartbeats come from elsewhere', async () => {
  await expect(check('10.0.0.2', ['100.5', '120.5'])).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('another agent at 10.0.0.2 is i-a too'),
  });
});

it('takes a name that is free, its own, or that nobody uses any more', async () => {
  const asked = [new Error('asked')];
  await check(undefined, asked);
  await check('10.0.0.1', asked);
  await check('10.0.0.2', [null]);
  await check('10.0.0.2', ['100.5', '100.5']);
  await check('10.0.0.2', ['100.5', null]);
});

it('holds nothing up when it cannot be found out, and ends with its signal', async () => {
  await check('10.0.0.2', [new Error('Redis is away')]);
  const stopped = AbortSignal.abort(new Error('stopped'));
  await expect(check('10.0.0.2', ['1', '2'], { signal: stopped })).rejects.toThrow('stopped');
});
