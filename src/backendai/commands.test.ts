import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CliUnderTest } from '../../test/support/cli-under-test.ts';
import { clusterCommands } from './index.ts';

let cli: CliUnderTest;
let folder: string;
beforeEach(async () => {
  cli = await CliUnderTest.withoutDaemon();
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-keys-'));
});
afterEach(async () => {
  await cli[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('makes a pair, the secret for its owner alone, and never another over it', async () => {
  const [open, secret] = [path.join(folder, 'agent.key'), path.join(folder, 'agent.key_secret')];
  expect(await cli.run(['keypair', folder, 'agent'], cli.io(), clusterCommands)).toMatchObject({
    status: 0,
    stdout: `${open}\n${secret}\n`,
  });
  expect((await stat(secret)).mode & 0o777).toBe(0o600);
  const before = await readFile(secret, 'utf8');
  const again = await cli.run(['keypair', folder, 'agent'], cli.io(), clusterCommands);
  expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
  expect(await readFile(secret, 'utf8')).toBe(before);
});

it.each(['', '../agent', 'a/b', '.'])('takes no name %j that is none of a file', async (name) => {
  expect((await cli.run(['keypair', folder, name], cli.io(), clusterCommands)).status).not.toBe(0);
  expect(await readdir(folder)).toEqual([]);
});
