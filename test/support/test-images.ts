/** Images that tests use: built by the program itself when they are missing. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { program, sharedVolumes } from './command.ts';

const cache = path.resolve(import.meta.dirname, '..', '..', '.cache', 'test');
/** A state folder of the tests' own, so that no daemon of the machine is asked. */
const places = (): Record<string, string> => ({
  KERNELET_STATE_DIR: path.join(cache, 'state'),
  KERNELET_SOCKET: path.join(cache, 'none.sock'),
  KERNELET_VOLUME_DIR: sharedVolumes,
});

/** Builds them. Throws when there is no engine: a test that needs one never passes without. */
export function ensureImages(images: readonly string[]): void {
  if (!process.env['DOCKER_HOST']) {
    throw new Error('DOCKER_HOST is not set: run `npm test`, which starts an engine when none answers');
  }
  for (const image of images) {
    const args = ['image', 'build', image, '--if-missing'];
    const done = spawnSync(program, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...places() },
    });
    if (done.status !== 0) throw new Error(`the image ${image} could not be built: status ${done.status}`);
  }
}

/** Makes an image of another one with packages of Debian, once for this engine. Throws when it cannot be made. */
export function ensureDerivedImage(name: string, from: string, packages: readonly string[]): void {
  if (spawnSync('docker', ['image', 'inspect', name], { stdio: 'ignore' }).status === 0) return;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const input = `FROM ${from}\nRUN ${install} && rm -rf /var/lib/apt/lists/*\n`;
  const done = spawnSync('docker', ['build', '--tag', name, '-'], { input, stdio: ['pipe', 'ignore', 'inherit'] });
  if (done.status !== 0) throw new Error(`the image ${name} could not be made: status ${done.status}`);
}
