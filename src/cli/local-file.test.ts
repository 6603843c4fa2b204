import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { contentOf, fileHead, localFile } from './local-file.ts';
import { UsageError } from './option-reader.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sent = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

it('has the name, size and mode of a file, relative to the folder of the command', async () => {
  await writeFile(join(folder, '-rf'), 'abc');
  await chmod(join(folder, '-rf'), 0o711);
  expect(await localFile('./-rf', folder)).toMatchObject({
    name: '-rf',
    size: 3,
    mode: 0o711,
    path: join(folder, '-rf'),
  });
  await chmod(join(folder, '-rf'), 0o4040);
  expect((await localFile('-rf', folder)).mode).toBe(0o440);
});

it('sends what it announced, also when the file grows meanwhile', async () => {
  await writeFile(join(folder, 'f'), 'abc');
  await writeFile(join(folder, 'empty'), '');
  const [file, empty] = [await localFile('f', folder), await localFile('empty', folder)];
  await writeFile(join(folder, 'f'), 'abcdef');
  await writeFile(join(folder, 'empty'), 'x');
  expect(await sent(file.open())).toBe('abc');
  expect(await sent(empty.open())).toBe('');
});

it('that cannot be read is refused in one sentence', async () => {
  // Nobody may read a process's memory at address 0, root included.
  const file = await localFile('/proc/self/mem', folder);
  await expect(contentOf(file)).rejects.toThrow(/^"\/proc\/self\/mem" cannot be read: EIO$/);
  await expect(contentOf(file)).rejects.toThrow(UsageError);
});

it('looks at the first bytes only', async () => {
  await writeFile(join(folder, 'f'), '#!/bin/sh\n\xff');
  expect(await fileHead(await localFile('f', folder), 5)).toBe('#!/bi');
});

it.each([
  ['absent', '"absent" does not exist'],
  ['.', '"." is a folder, not a file'],
  ['/dev/null', '"/dev/null" is not a regular file'],
  ['x'.repeat(300), 'has too long a name'],
  ['a\0b', 'cannot be read: ERR_INVALID_ARG_VALUE'],
])('%j is refused in one sentence', async (name, message) => {
  await expect(localFile(name, folder)).rejects.toThrow(UsageError);
  await expect(localFile(name, folder)).rejects.toThrow(message);
});
