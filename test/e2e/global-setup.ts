/**
 * Before the end-to-end tests: the manager and what it needs are brought up, with empty data, by the scripts in
 * `manager/`; they are stopped when vitest ends. With KERNELET_E2E_KEEP=1 they stay, and the next run finds them.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { program } from '../support/command.ts';
import { managerScripts } from '../support/manager/place.ts';

const keep = process.env['KERNELET_E2E_KEEP'] === '1';
const cache = path.resolve(import.meta.dirname, '..', '..', '.cache', 'test');

function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
  const done = spawnSync(command, args, { stdio: ['ignore', 2, 2], env: { ...process.env, ...environment } });
  if (done.status !== 0) {
    throw new Error(`${path.basename(command)} ${args.join(' ')} ended with ${done.status ?? done.signal}`);
  }
}

/** Vitest's hook. Throws when the manager can't be had: these tests never pass without. */
export function setup(): void {
  if (!process.env['DOCKER_HOST']) {
    throw new Error('DOCKER_HOST is not set: run `npm run e2e`, which starts an engine when none answers');
  }
  run(program, ['image', 'build', 'python', '--if-missing'], {
    KERNELET_STATE_DIR: path.join(cache, 'state'),
    KERNELET_SOCKET: path.join(cache, 'none.sock'),
    KERNELET_VOLUME_DIR: path.join(cache, 'volumes'),
  });
  // Also when the tests are interrupted, which calls no hook.
  if (!keep) process.once('exit', () => run(path.join(managerScripts, 'down.sh'), []));
  run(path.join(managerScripts, 'up.sh'), keep ? [] : ['--reset']);
}
