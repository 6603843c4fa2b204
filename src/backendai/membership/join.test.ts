import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { type AgentIdConflictOptions, refuseAgentIdConflict, warnOfForeignFolder } from './join.ts';

let above: string;
let folder: string;
let warnings: string[];
const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
beforeEach(async () => {
  above = await mkdtemp(path.join(tmpdir(), 'foreign-folder-'));
  folder = path.join(above, 'ipc');
  await mkdir(folder, { mode: 0o755 });
  warnings = [];
});
afterEach(() => rm(above, { recursive: true }));

it.each([
  ['is our own', async () => {}],
  ['lies where everybody may make what is theirs alone', () => chmod(above, 0o1777)],
])('says nothing of a folder that %s', async (_, arrange) => {
  await arrange();
  await warnOfForeignFolder(folder, log);
  expect(warnings).toEqual([]);
});

it.each([
  ['that another user has made', () => chown(folder, 1000, 1000), /ipc belongs to user 1000;/],
  ['below one that another user has made', () => chown(above, 1000, 1000), /foreign-folder-\w+ belongs to user 1000;/],
  ['in which everybody may write', () => chmod(folder, 0o777), /everybody may write in .*ipc;/],
  [
    'in which a group may write',
    async () => {
      await chown(folder, 0, 1000);
      await chmod(folder, 0o775);
    },
    /the group 1000 may write in .*ipc;/,
  ],
])('warns of a folder %s', async (_, arrange, text) => {
  await arrange();
  await warnOfForeignFolder(folder, log);
  expect(warnings).toEqual([expect.stringMatching(text)]);
});

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
