import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { parseAgentId } from '../../lib/ids.ts';
import { Ownership } from './ownership.ts';
import { builtInServices } from './service-ports.ts';
import { sshKeyPair, writeSshKeys } from './ssh-keys.ts';

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
  expect(openssh).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n[^-]+\n-----END OPENSSH PRIVATE KEY-----\n$/);
  expect(publicLine).toMatch(/ kernel\n$/);
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

it.each([0, 1, 2, 7, 8])(
  'is padded to whole blocks whatever the %d characters of its comment make of its length',
  (size) => {
    const { openssh } = sshKeyPair(seed, 'x'.repeat(size));
    const body = Buffer.from(openssh.split('\n').slice(1, -2).join(''), 'base64');
    const head = 14 + 1 + 8 + 8 + 4 + 4 + 4 + 51;
    const secret = body.subarray(head + 4);
    expect(body.readUInt32BE(head)).toBe(secret.length);
    expect(secret.length % 8).toBe(0);
    const padding = secret.length - (8 + 15 + 36 + 68 + 4 + size);
    expect([...secret.subarray(secret.length - padding)]).toEqual(
      Array.from({ length: padding }, (_, index) => index + 1),
    );
  },
);

it('are written for a kernel that has an SSH server, the secret ones for its user alone, and are its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-keys-'));
  try {
    const ownership = new Ownership(parseAgentId('i-one'), new Uint8Array(32));
    const paths = (name: string) => ({ config: join(folder, name) }) as Parameters<typeof writeSshKeys>[1];
    for (const name of ['one', 'other', 'without']) mkdirSync(join(folder, name));
    const write = (name: string, services = builtInServices) =>
      writeSshKeys(specFixture({ services }), paths(name), ownership, { uid: 1000, gid: 1001 });
    await write('one');
    await write('other');
    await write('without', []);
    const file = (kernel: string, name: string) => join(folder, kernel, 'ssh', name);
    const about = (name: string) => {
      const { mode, uid, gid } = statSync(file('one', name));
      return [name, mode & 0o777, uid, gid];
    };
    expect(
      readdirSync(join(folder, 'one', 'ssh'))
        .sort()
        .map(about),
    ).toEqual([
      ['host_key', 0o600, 1000, 1001],
      ['id_container', 0o600, 1000, 1001],
      ['id_container.pub', 0o644, 1000, 1001],
    ]);
    const [login, other] = ['one', 'other'].map((kernel) => readFileSync(file(kernel, 'id_container.pub'), 'utf8'));
    expect(login).toMatch(/^ssh-ed25519 .* work\n$/);
    expect(login).not.toBe(other);
    expect(statSync(join(folder, 'one', 'ssh')).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(folder, 'without'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
