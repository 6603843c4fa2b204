/** Images without anything that a runner could lean on, and with an environment that would harm one that believed it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uniqueName } from '../support/engine.ts';
import { docker, tenantId } from '../support/runner-container.ts';
import { makeBusyboxImage, makeEmptyImage, testVolume } from '../support/runner-images.ts';
import { RunnerSession } from '../support/runner-session.ts';

const [empty, busybox] = [uniqueName('kernelet-test-empty'), uniqueName('kernelet-test-busybox')];
beforeAll(async () => {
  makeEmptyImage(empty);
  await makeBusyboxImage(busybox, await testVolume());
});
afterAll(async () => {
  await docker('rmi', '-f', empty, busybox);
});

// @promise any-image
it('an image without any file runs shell programs and queries with the volume’s shell', async () => {
  await using kernel = await RunnerSession.start('shell', empty);
  expect(await kernel.program('id -u; echo $((6 * 7)) "$1"', ['sh', 'x'])).toMatchObject({
    stdout: `${tenantId}\n42 x\n`,
    exitCode: 0,
  });
  await kernel.query('x=5; cd /');
  expect(await kernel.query('echo $x $PWD')).toMatchObject({ stdout: '5 /\n', exitCode: 0 });
  // Longer than an argument can be: it goes through a file.
  expect(await kernel.program(`# ${'x'.repeat(200_000)}\necho long`)).toMatchObject({ stdout: 'long\n', exitCode: 0 });
  expect(await kernel.shell('true')).toMatchObject({ exitCode: 127, reason: 'unable' });
});

it('an environment of the image that names code reaches the tenant and not the runner', async () => {
  await using kernel = await RunnerSession.start('shell', busybox);
  const told = '--require=/nowhere.js /nowhere.so /nowhere\n';
  const script = 'echo "$NODE_OPTIONS $LD_PRELOAD $LD_LIBRARY_PATH"';
  expect(await kernel.shell(script)).toMatchObject({ stdout: told, exitCode: 0 });
  expect(await kernel.query(script)).toMatchObject({ stdout: told, stderr: '', exitCode: 0 });
  expect(await kernel.peer.request('list-files', { path: '.', from: 0 })).toMatchObject({ path: '/home/work' });
});
