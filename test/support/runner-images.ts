/** The volume under test, and images without anything that a runner could lean on. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { installRunnerVolume } from '../../src/storage/runner-volume/install.ts';
import { uniqueName } from './engine.ts';
import { docker } from './runner-container.ts';

const root = resolve(import.meta.dirname, '..', '..');

/** A folder for volumes of tests, kept between runs. */
export const volumesFolder = join(tmpdir(), 'kernelet-test-volumes');

/** A copy of the volume that the build made, or of the one that KERNELET_TEST_RUNNER_VOLUME names. */
export async function testVolume(): Promise<string> {
  const source = process.env['KERNELET_TEST_RUNNER_VOLUME'] ?? join(root, 'dist/runner-volume');
  return await installRunnerVolume({ source, volumesFolder });
}

/** Makes an image of a folder's content; the name is the caller's to remove. */
function importImage(folder: string, name: string, change: readonly string[] = []): void {
  const archive = execFileSync('tar', ['-c', '-C', folder, '.'], { maxBuffer: 64 * 1024 * 1024 });
  const args = ['import', ...change.flatMap((line) => ['--change', line]), '-', name];
  const done = spawnSync('docker', args, { input: archive });
  if (done.status !== 0) throw new Error(`docker import failed: ${done.stderr.toString()}`);
}

/**
 * Makes an image of what a script of root does to the base; the name is the caller's to remove. `options`: of `docker
 * commit`, such as `--change`.
 */
export async function commitImage(name: string, change: string, options: readonly string[] = []): Promise<void> {
  const container = uniqueName('kernelet-test-build');
  await docker('create', '--name', container, 'kernelet/base:latest', 'sh', '-c', 'sleep 600');
  try {
    await docker('start', container);
    await docker('exec', container, 'sh', '-ec', change);
    await docker('commit', ...options, container, name);
  } finally {
    await docker('rm', '-f', container);
  }
}

/** An image without any file. */
export function makeEmptyImage(name: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-empty-'));
  importImage(folder, name);
  rmSync(folder, { recursive: true });
}

/** An image of a static busybox alone, whose environment is set to harm whoever believes it. */
export async function makeBusyboxImage(name: string, volume: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-busybox-'));
  await mkdir(join(folder, 'bin'));
  await mkdir(join(folder, 'tmp'), { mode: 0o1777 });
  await copyFile(join(volume, 'bin/busybox'), join(folder, 'bin/busybox'));
  for (const applet of [
    'sh',
    'ash',
    'cat',
    'id',
    'env',
    'ls',
    'sleep',
    'head',
    'yes',
    'kill',
    'grep',
    'setsid',
    'nc',
  ]) {
    await symlink('busybox', join(folder, 'bin', applet));
  }
  importImage(folder, name, [
    'ENV NODE_OPTIONS=--require=/nowhere.js',
    'ENV LD_PRELOAD=/nowhere.so',
    'ENV LD_LIBRARY_PATH=/nowhere',
    'ENV BASH_ENV=/nowhere.sh ENV=/nowhere.sh IFS=/',
  ]);
  await rm(folder, { recursive: true });
}
