import { describe, expect, it } from 'vitest';
import { isDebianLike, mmdebstrapCommand } from './debian-packages.ts';

describe('isDebianLike', () => {
  it.each([
    ['PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', true],
    ['ID=ubuntu\nID_LIKE=debian\n', true],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', true],
    ['ID="fedora"\nVERSION_ID=40\n', false],
    ['NAME=debian\n', false],
    ['', false],
  ])('of %j is %s', (text, expected) => {
    expect(isDebianLike(text)).toBe(expected);
  });
});

describe('mmdebstrapCommand', () => {
  it('writes Debian 12 as an archive to standard output', () => {
    const command = mmdebstrapCommand('/usr/bin/mmdebstrap');
    expect(command[0]).toBe('/usr/bin/mmdebstrap');
    expect(command.slice(-2)).toEqual(['bookworm', '-']);
    expect(command).toContain('--format=tar');
  });
});
