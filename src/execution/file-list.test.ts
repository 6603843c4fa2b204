import { expect, it } from 'vitest';
import type { FileEntry } from '../protocol/agent-frames.ts';
import { listFiles } from './file-list.ts';
import type { RunnerClient } from './runner-client.ts';

const never = new AbortController().signal;
const entry = (filename: string): FileEntry => ({
  filename,
  size: 0,
  mode: '-rw-r--r--',
  ctime: 1,
  mtime: 1,
  atime: 1,
});

/** A runner whose replies have one entry each, and say that more follow as long as this is true. */
function runner(hasMore: (from: number) => boolean) {
  const asked: number[] = [];
  const request = async (_: string, { from }: { readonly from: number }) => {
    asked.push(from);
    return { path: '/home/work', files: [entry(`f${from}`)], next: hasMore(from) ? from + 1 : null };
  };
  return { asked, client: { request } as unknown as Pick<RunnerClient, 'request'> };
}

it('gathers the entries of all replies', async () => {
  const { asked, client } = runner((from) => from < 2);
  const { path, files } = await listFiles(client, '.', never);
  expect([path, files.map(({ filename }) => filename), asked]).toEqual(['/home/work', ['f0', 'f1', 'f2'], [0, 1, 2]]);
});

it('gives up a folder without an end, and a runner that goes in circles', async () => {
  const endless = runner(() => true);
  await expect(listFiles(endless.client, 'all', never)).rejects.toMatchObject({ code: 'FILE_ERROR' });
  expect(endless.asked).toHaveLength(48);
  const circle = { request: async () => ({ path: '/', files: [entry('a')], next: 0 }) };
  const { files } = await listFiles(circle as unknown as Pick<RunnerClient, 'request'>, '.', never);
  expect(files).toHaveLength(1);
});
