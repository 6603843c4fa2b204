/**
 * Before the integration tests: an engine must answer at DOCKER_HOST (`npm test` starts one), and the images that the
 * tests use are built by the program itself when they are missing.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const program = path.resolve(import.meta.dirname, '..', '..', 'bin', 'kernelet');
const images = ['python', 'shell', 'gcc', 'nodejs'];

/** Vitest's hook. Throws when there is no engine: a test that needs one never passes without. */
export function setup(): void {
  if (!process.env['DOCKER_HOST']) {
    throw new Error('DOCKER_HOST is not set: run `npm test`, which starts an engine when none answers');
  }
  const done = spawnSync(program, ['image', 'build', ...images, '--if-missing'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`the images of the tests could not be built: status ${done.status}`);
}
