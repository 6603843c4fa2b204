/**
 * SSH keys of a kernel, made of a secret instead of chance: after a restart, and after the loss of every file, a kernel
 * has the keys that its users know. Ed25519, in the forms that dropbear and OpenSSH read. They lie in `/home/config/ssh`;
 * the names of the files are the runner's to know.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { sshFiles } from '../../protocol/runner-config.ts';
import type { Owner, ScratchPaths } from '../../storage/scratch.ts';
import { placeFile } from '../../storage/scratch-files.ts';
import type { KernelSpec } from '../spec.ts';
import type { Ownership } from './ownership.ts';

/** Writes them for a kernel that has an SSH server; `owner` is its user on this host. Throws STATE_UNUSABLE. */
export async function writeSshKeys(
  spec: KernelSpec,
  paths: ScratchPaths,
  ownership: Ownership,
  owner: Owner,
): Promise<void> {
  if (!spec.services.some(({ name }) => name === 'sshd')) return;
  const host = sshKeyPair(ownership.sshSeed(spec.id, 'host'), 'host');
  const login = sshKeyPair(ownership.sshSeed(spec.id, 'login'), 'work');
  const files = [
    [sshFiles.hostKey, host.dropbear, 0o600],
    [sshFiles.loginKey, login.openssh, 0o600],
    [sshFiles.loginPublicKey, login.publicLine, 0o644],
  ] as const;
  for (const [name, content, mode] of files) {
    await placeFile(paths.config, `ssh/${name}`, content, { mode, owner, folderMode: 0o755 });
  }
}

/** A pair of Ed25519 keys, in the forms that its readers take. */
export interface SshKeyPair {
  /** The private key as dropbear reads it. */
  readonly dropbear: Uint8Array;
  /** The private key as OpenSSH reads it. */
  readonly openssh: string;
  /** The line for `authorized_keys`, with its end. */
  readonly publicLine: string;
}

const type = 'ssh-ed25519';
/** What comes before the seed in PKCS #8. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const blockSize = 8;
const lineLength = 70;

/** The pair of a seed of 32 bytes; `comment` names it to people. */
export function sshKeyPair(seed: Uint8Array, comment: string): SshKeyPair {
  const open = openKeyOf(seed);
  const both = Buffer.concat([seed, open]);
  const blob = Buffer.concat([field(type), field(open)]);
  return {
    dropbear: Buffer.concat([field(type), field(both)]),
    openssh: opensshForm(blob, Buffer.concat([field(type), field(open), field(both), field(comment)])),
    publicLine: `${type} ${blob.toString('base64')} ${comment}\n`,
  };
}

function openKeyOf(seed: Uint8Array): Buffer {
  const secret = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(secret).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/** The file of a key that no pass phrase protects. */
function opensshForm(blob: Buffer, secret: Buffer): string {
  // The two numbers agree when a pass phrase was right.
  const checked = Buffer.concat([number(0), number(0), secret]);
  const missing = (blockSize - (checked.length % blockSize)) % blockSize;
  const padded = Buffer.concat([checked, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
  const head = [Buffer.from('openssh-key-v1\0'), field('none'), field('none'), field(''), number(1)];
  const text = Buffer.concat([...head, field(blob), field(padded)]).toString('base64');
  const lines = text.match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? [];
  const frame = 'OPENSSH PRIVATE KEY';
  return [`-----BEGIN ${frame}-----`, ...lines, `-----END ${frame}-----`, ''].join('\n');
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A length and that many bytes. */
function field(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}
