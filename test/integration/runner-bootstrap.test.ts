/** The script of an image that runs as root before the kernel is ready, as image authors write it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RunnerSession } from '../support/runner-session.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-bootstrap-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A kernel whose image has this script. */
async function start(script: string, imageBootstrap = true): Promise<RunnerSession> {
  const path = join(folder, 'bootstrap.sh');
  await writeFile(path, script, { mode: 0o755 });
  const docker = ['-v', `${path}:/opt/container/bootstrap.sh:ro`, '--env', 'OF_IMAGE=1'];
  return RunnerSession.start('shell', 'kernelet/base', { docker, config: { imageBootstrap } });
}

it('exports variables to the tenant, and may leave a daemon behind', async () => {
  await using kernel = await start('sleep 600 &\nexport OF_SCRIPT="two\nlines"\n');
  expect(kernel.container.readyMs).toBeLessThan(30_000);
  expect((await kernel.shell('echo "$OF_IMAGE $OF_SCRIPT"')).stdout).toBe('1 two\nlines\n');
});

it('that ends its shell leaves the environment of the image, and is told of', async () => {
  await using kernel = await start('export OF_SCRIPT=1\nexit 0\n');
  expect((await kernel.shell('echo "$OF_IMAGE $OF_SCRIPT"')).stdout).toBe('1 \n');
  expect(await kernel.peer.request('ping', null)).toMatchObject({ detail: expect.stringContaining('bootstrap.sh') });
});

// @promise su-exec
it('becomes another user by su-exec, also one that the image does not know', async () => {
  const suExec = '/opt/backend.ai/bin/su-exec';
  const script = `export OF_SCRIPT="$(${suExec} "$LOCAL_USER_ID:$LOCAL_GROUP_ID" id -u) $(${suExec} 4321:42,43 id -G)"\n`;
  await using kernel = await start(script);
  expect((await kernel.shell('id -u; echo "$OF_SCRIPT"')).stdout).toMatch(/^(\d+)\n\1 42 43\n$/);
});

it('that fails does not keep the kernel from its user', async () => {
  await using kernel = await start('export OF_SCRIPT=1\nfalse || return 3\n');
  expect((await kernel.shell('echo "$OF_IMAGE"')).stdout).toBe('1\n');
});

// @promise image-script
it('does not run where the operator does not let it, and its user is told', async () => {
  await using kernel = await start('export OF_SCRIPT=1\ntouch /made\n', false);
  expect((await kernel.shell('echo "$OF_IMAGE $OF_SCRIPT"; ls /made')).stdout).toBe('1 \n');
  expect(await kernel.peer.request('ping', null)).toMatchObject({
    detail: expect.stringContaining('bootstrap.sh of the image was not run'),
  });
});
