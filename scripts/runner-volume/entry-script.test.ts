import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxOpenFiles } from '../../src/lib/open-files.ts';
import { containerPaths } from '../../src/protocol/image-contract.ts';
import { boundedEntry } from '../../src/protocol/runner-config.ts';
import { entryScript } from './entry-script.ts';

/** Does of busybox what the entry asks of it, by the programs of this machine. */
const busybox = '#!/bin/sh\n[ "$1" != sh ] || exec "$@"\nexec "$@"\n';
/** In the place of Node: says what it was started with. */
const node = '#!/bin/sh\nprintf "%s\\n" "$@"\necho --\nexport -p\n';

let root: string;
let entry: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-entry-'));
  await mkdir(join(root, 'volume', 'bin'), { recursive: true });
  await mkdir(join(root, 'run'));
  entry = join(root, 'volume', 'bin', 'entry');
  const script = entryScript
    .replaceAll(containerPaths.volume, join(root, 'volume'))
    .replaceAll(containerPaths.run, join(root, 'run'));
  for (const [name, content] of Object.entries({ busybox, node, entry: script })) {
    await writeFile(join(root, 'volume', 'bin', name), content);
    await chmod(join(root, 'volume', 'bin', name), 0o755);
  }
});
afterEach(() => rm(root, { recursive: true, force: true }));

const started = (...args: string[]) => {
  const env = { PATH: process.env['PATH'], NODE_OPTIONS: '--require=/x.cjs', OPENSSL_CONF: '/x' };
  const { stdout, stderr, status } = spawnSync('sh', [entry, ...args], { env, encoding: 'utf8' });
  const [words = '', environment = ''] = stdout.split('--\n', 2);
  return { words, environment, stderr, status };
};

describe('the entry of a container', () => {
  it('starts the runner with constants alone, whatever the arguments and variables are', async () => {
    const plain = started();
    expect(plain).toMatchObject({ status: 0, stderr: '' });
    expect(plain.words.trim().split('\n').at(-1)).toBe(`${join(root, 'volume')}/runner/runner.js`);
    for (const args of [
      ['--env-file=x'],
      ['--experimental-default-config-file'],
      [`=${boundedEntry}`, 'file-worker'],
    ]) {
      expect(started(...args)).toEqual(plain);
    }
    expect(plain.environment).not.toMatch(/NODE_OPTIONS|OPENSSL_CONF/);
    expect(await readFile(join(root, 'run', 'environ'), 'utf8')).toContain('NODE_OPTIONS=--require=/x.cjs\0');
  });

  it.each([
    ['lowers limits of open files that are above its own', 'ulimit -n 900', '512 512'],
    ['lowers the hard one alone where the soft one is below', 'ulimit -S -n 300; ulimit -H -n 900', '300 512'],
    ['raises nothing', 'ulimit -n 400', '400 400'],
  ])('%s', async (_, given, limits) => {
    const lower = (await readFile(entry, 'utf8')).replaceAll(String(maxOpenFiles), '512');
    await writeFile(entry, lower);
    await writeFile(join(root, 'volume', 'bin', 'node'), '#!/bin/sh\necho $(ulimit -S -n; ulimit -H -n)\n');
    const { stdout, stderr } = spawnSync('sh', ['-c', `${given}; exec sh "$0"`, entry], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: `${limits}\n`, stderr: '' });
  });

  it('refuses to begin with more capabilities than it can take away', () => {
    expect(started(boundedEntry)).toMatchObject({ status: 78, words: '' });
  });
});
