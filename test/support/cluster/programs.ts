/** The programs that cluster tests start by hand: found, or installed on Debian and Ubuntu as root. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';

const packages = { etcd: 'etcd-server', 'redis-server': 'redis-server', openssl: 'openssl' } as const;

/** A program that tests need. */
export type TestProgram = keyof typeof packages;

const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/usr/local/bin'];
const find = (program: string): string | undefined =>
  folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));

/** The path of a program. Throws when it is neither there nor can be installed. */
export function requireProgram(program: TestProgram): string {
  const there = find(program);
  if (there) return there;
  if (process.getuid?.() === 0 && find('apt-get')) {
    // Another part of the tests may be installing too.
    const patience = ['-o', 'DPkg::Lock::Timeout=300'];
    const install = [...patience, 'install', '-y', '--no-install-recommends', packages[program]];
    // policy-rc.d of 101: packages must not start their services.
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    if (spawnSync('apt-get', install, { env: environment, stdio: 'ignore' }).status !== 0) {
      spawnSync('apt-get', ['update'], { env: environment, stdio: 'ignore' });
      spawnSync('apt-get', install, { env: environment, stdio: 'ignore' });
    }
  }
  const installed = find(program);
  if (!installed) throw new Error(`${program} is needed: install the package ${packages[program]}`);
  return installed;
}

/**
 * Describes tests that need programs. Without them they fail under CI=true; elsewhere they are skipped, with the reason
 * printed.
 */
export function describeWith(programs: readonly TestProgram[], name: string, tests: () => void): void {
  try {
    for (const program of programs) requireProgram(program);
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    console.warn(`skipped: ${name}: ${error instanceof Error ? error.message : error}`);
    describe.skip(name, tests);
    return;
  }
  describe(name, tests);
}
