import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sshKeyPair } from './ssh-keys.ts';

/** The first test vector of RFC 8032. */
const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const open = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';

it('has the forms that dropbear and OpenSSH read', () => {
  const { dropbear, openssh, publicLine } = sshKeyPair(seed, 'kernel');
  expect(Buffer.from(dropbear).toString('hex')).toBe(
    `0000000b7373682d6564323535313900000040${seed.toString('hex')}${open}`,
  );
  const [type, blob = '', comment] = publicLine.trim().split(' ');
  expect([type, comment]).toEqual(['ssh-ed25519', 'kernel']);
  expect(Buffer.from(blob, 'base64').toString('hex')).toBe(`0000000b7373682d6564323535313900000020${open}`);
  const body = Buffer.from(openssh.split('\n').slice(1, -2).join(''), 'base64');
  expect(body.subarray(0, 14).toString()).toBe('openssh-key-v1');
  expect(openssh.split('\n').every((line) => line.length <= 70)).toBe(true);
});

it('is taken by ssh-keygen, where there is one', ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-key-'));
  try {
    const { openssh, publicLine } = sshKeyPair(seed, 'kernel');
    const file = join(folder, 'key');
    writeFileSync(file, openssh, { mode: 0o600 });
    const told = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' });
    expect(told).toBe(publicLine);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') skip('ssh-keygen is not installed');
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
