import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readElf, relocateElf, replaceCString } from './elf-file.ts';

const node = readFileSync(process.execPath);
const [loader, libraries] = ['/opt/backend.ai/lib/ld.so', '/opt/backend.ai/lib'];

describe('a relocated program', () => {
  it('names the loader and the folder of libraries, and needs what it needed', () => {
    const before = readElf(node);
    const relocated = relocateElf(node, loader, libraries);
    expect(readElf(relocated)).toMatchObject({ interpreter: loader, rpath: libraries, needed: before.needed });
    expect(relocated.length).toBe(before.loadedSize);
  });

  it('runs as before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kernelet-elf-'));
    try {
      const program = join(folder, 'node');
      writeFileSync(program, relocateElf(node, loader, libraries));
      chmodSync(program, 0o755);
      const { interpreter } = readElf(node);
      const code = ['-p', '6 * 7'];
      expect(execFileSync(interpreter ?? '', [program, ...code], { env: {}, encoding: 'utf8' })).toBe('42\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('can be relocated once more', () => {
    const twice = relocateElf(relocateElf(node, '/other/ld.so', '/other'), loader, libraries);
    expect(readElf(twice)).toMatchObject({ interpreter: loader, rpath: libraries });
  });
});

describe('a program that cannot be relocated', () => {
  it('has too little room for the path of the loader', () => {
    expect(() => relocateElf(node, `/${'x'.repeat(200)}`, libraries)).toThrow(/room for a loader's path/);
  });

  it('is not a program for this kind of machine', () => {
    expect(() => readElf(Buffer.from('#!/bin/sh\n'))).toThrow('is not a 64-bit little-endian ELF file');
  });

  it('is damaged: its headers lead outside of it', () => {
    const damaged = Buffer.from(node.subarray(0, 4096));
    damaged.writeBigUInt64LE(2n ** 40n, 32);
    expect(() => readElf(damaged)).toThrow('the program is damaged');
  });
});

describe('replacing a string of a program', () => {
  it('pads the shorter one and leaves everything else', () => {
    const bytes = Buffer.from('a\0/etc/path\0b');
    expect(replaceCString(bytes, '/etc/path', '/x')).toBe(true);
    expect(bytes.toString('latin1')).toBe('a\0/x\0\0\0\0\0\0\0\0b');
  });

  it('is not done where it would be longer, absent or ambiguous', () => {
    for (const text of ['\0short\0', '\0other\0', '\0/etc/path\0\0/etc/path\0']) {
      const bytes = Buffer.from(text);
      expect(replaceCString(bytes, '/etc/path', text.includes('short') ? '/etc/path/longer' : '/x')).toBe(false);
      expect(bytes.toString()).toBe(text);
    }
  });
});
