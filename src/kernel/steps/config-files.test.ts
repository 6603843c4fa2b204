import { randomBytes } from 'node:crypto';
import { lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { Deadline } from '../../lib/deadline.ts';
import { parseAgentId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { ScratchFolders } from '../../storage/scratch.ts';
import { Ownership } from '../ownership.ts';
import { decodeRecord } from '../record-codec.ts';
import { configFilesStep } from './config-files.ts';

it('writes the runner’s secrets for root alone, keeps a newline, and takes a stale socket away', async () => {
  const root = await mkdtemp(join(tmpdir(), 'kernelet-config-'));
  await using scratch = new ScratchFolders(root, silentLogger);
  const ownership = new Ownership(parseAgentId('i-one'), randomBytes(32));
  const runner = { outputBufferBytes: 1, finishedRunKeepMs: 2, debug: false };
  const step = configFilesStep({ scratch, ownership, runner });
  const record = recordFixture({ spec: specFixture({ environ: [['A', 'two\nlines']] }), generation: 3 });
  const paths = scratch.paths(record.spec.id);
  using deadline = new Deadline({ what: 'test', timeoutMs: 5_000 });
  try {
    await expect(step.apply(record, deadline)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    await scratch.create(record.spec.id, record.spec.user);
    await writeFile(join(paths.run, 'runner.sock'), '');
    await step.apply(record, deadline);
    const config: unknown = JSON.parse(await readFile(join(paths.run, 'runner.json'), 'utf8'));
    expect(config).toMatchObject({
      generation: 3,
      environ: [['A', 'two\nlines']],
      secret: ownership.runnerSecret(record.spec.id, 3),
      user: { uid: 1000, gid: 1000, name: 'work' },
    });
    expect((await lstat(join(paths.run, 'runner.json'))).mode & 0o777).toBe(0o600);
    expect((await lstat(paths.run)).mode & 0o777).toBe(0o700);
    await expect(lstat(join(paths.run, 'runner.sock'))).rejects.toThrow('ENOENT');
    expect(decodeRecord(await readFile(join(paths.private, 'record.json'), 'utf8'))).toEqual(record);
    await step.revert(record, deadline);
    await step.revert(record, deadline);
    await expect(lstat(join(paths.run, 'runner.json'))).rejects.toThrow('ENOENT');
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
