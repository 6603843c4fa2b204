import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { suExecScript } from '../../scripts/runner-volume/su-exec-script.ts';
import { containerPaths } from '../protocol/image-contract.ts';
import { identityOf } from './su-exec.ts';

const databases = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nwork:x:1000:100:User:/home/work:/bin/bash\n4000:x:5:6::/odd:\nbad line\n',
  group: 'root:x:0:\nusers:x:100:\ndocker:x:999:other,work\nshadow:x:42:work\nwork:x:1000:workers\n',
  ownGid: 7,
};

describe('the identity that su-exec takes', () => {
  it.each([
    ['work', { uid: 1000, gid: 100, groups: [100, 999, 42], home: '/home/work' }],
    ['1000', { uid: 1000, gid: 100, groups: [100, 999, 42], home: '/home/work' }],
    ['work:shadow', { uid: 1000, gid: 42, groups: [42], home: '/home/work' }],
    ['1000:1000,42', { uid: 1000, gid: 1000, groups: [1000, 42], home: '/home/work' }],
    ['1234:5678', { uid: 1234, gid: 5678, groups: [5678], home: '/' }],
    ['1234', { uid: 1234, gid: 7, groups: [7], home: '/' }],
    ['4000', { uid: 5, gid: 6, groups: [6], home: '/odd' }],
    ['0', { uid: 0, gid: 0, groups: [0], home: '/root' }],
  ])('of %s is as the image has it', (wanted, identity) => {
    expect(identityOf(wanted, databases)).toEqual(identity);
  });

  it.each(['nobody', '', '-1', '4294967295', 'work:nobody', '1000:1,', 'work; id'])('is none of %j', (wanted) => {
    expect(() => identityOf(wanted, databases)).toThrow(/su-exec: this image has no (user|group)/);
  });
});

describe('su-exec', () => {
  /** As scripts of images call it, with this source tree in place of the volume. */
  function suExec(...args: readonly string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'kernelet-su-exec-'));
    try {
      const program = join(folder, 'su-exec');
      const text = suExecScript
        .replace(`#!${containerPaths.volume}/bin/busybox sh`, '#!/bin/sh')
        .replace(`${containerPaths.volume}/bin/node`, process.execPath)
        .replace(`${containerPaths.volume}/runner/runner.js`, join(import.meta.dirname, 'main.ts'));
      writeFileSync(program, text);
      chmodSync(program, 0o755);
      const env = { PATH: '/usr/bin:/bin', LD_PRELOAD: '/nowhere.so', NODE_OPTIONS: '--nonsense', KEPT: 'a b' };
      // The shell of this machine loads what it is told to, and says so: only what comes after it counts here.
      const { stdout, stderr, status } = spawnSync(program, args, { env, encoding: 'utf8' });
      return { stdout, stderr: stderr.replace(/^ERROR: ld\.so:.*\n/gm, ''), status };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  // @promise su-exec
  it('becomes the command as another user, with its arguments, variables and the signals of a fresh process', () => {
    const script =
      'id -u; id -g; id -G; echo "$HOME|$KEPT|$LD_PRELOAD$NODE_OPTIONS|$1|$2"; grep SigIgn /proc/self/status';
    const { stdout, stderr, status } = suExec('4321:4322,4323', 'sh', '-c', script, 'sh', '--version', 'x\ny');
    expect({ stdout, stderr, status }).toEqual({
      stdout: '4321\n4322\n4322 4323\n/|a b||--version|x\ny\nSigIgn:\t0000000000000000\n',
      stderr: '',
      status: 0,
    });
    expect(suExec('4321:4322', 'sh', '-c', 'exit 7').status).toBe(7);
  });

  it('says how it is used, and what cannot be found', () => {
    expect(suExec('root')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^usage: su-exec USER/) });
    expect(suExec('no-such-user', 'true')).toMatchObject({ stderr: expect.stringMatching(/no user "no-such-user"/) });
    const missing = suExec('0', 'no-such-program');
    expect(missing.stderr).toMatch(/su-exec: no-such-program cannot be found/);
    expect(missing.status).not.toBe(0);
  });

  it('gives up what it was for good', () => {
    expect(execFileSync('id', ['-u'], { encoding: 'utf8' })).toBe('0\n');
    const again = 'try:\n import os; os.setuid(0)\nexcept PermissionError: print("refused")';
    expect(suExec('4321:4322', 'python3', '-c', again).stdout).toBe('refused\n');
  });
});
