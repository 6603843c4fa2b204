import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { MediaSink, runEventDocument } from './run-output.ts';
import { Screen } from './screen.ts';

let folder: string;
let io: MemoryIo;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-media-'));
  io = new MemoryIo();
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const sink = (place: string | undefined) => new MediaSink(new Screen(io, false), place);

describe('rich output', () => {
  it('becomes files with the ending of its type, none over another', async () => {
    const place = join(folder, 'a', 'b');
    const media = sink(place);
    const form = (type: string, content: string) => ({ type, body: Buffer.from(content) });
    await media.take([form('image/png', 'png'), form('application/x-odd', 'odd')], []);
    await sink(place).take([form('text/html', '<p>')], []);
    await sink(place).take([form('image/png', 'second'), form('application/pdf', '%PDF')], []);
    expect(await readdir(place)).toEqual([
      'media-001.html',
      'media-001.png',
      'media-002.bin',
      'media-002.png',
      'media-003.pdf',
    ]);
    expect(await readFile(join(place, 'media-001.png'), 'utf8')).toBe('png');
    expect(io.stderr.text).toContain(`[image/png, 3 bytes: ${place}/media-001.png]\n`);
  });

  it('is noted on standard error without a folder, and its type cannot move the cursor', async () => {
    await sink(undefined).take([{ type: 'image/\u001B[2Jpng', body: Buffer.alloc(1234) }], []);
    await sink(undefined).take([], []);
    expect(io.stderr.text).toBe('[image/\\x1b[2Jpng, 1,234 bytes; use --save-media DIR]\n');
  });

  it('that cannot be saved is one error with the place and the reason', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(
      sink(join(folder, 'file')).take([{ type: 'image/png', body: Buffer.from('x') }], []),
    ).rejects.toMatchObject({
      code: 'FILE_ERROR',
      message: expect.stringMatching(/^cannot write ".*\/file": (EEXIST|ENOTDIR)$/),
    });
  });
});

it('the document of an event has its bytes as text when they are UTF-8, else as base64', () => {
  const event = { kind: 'stdout' } as const;
  expect(runEventDocument({ n: 1, event, body: Buffer.from('größer\n') })).toEqual({
    n: 1,
    kind: 'stdout',
    text: 'größer\n',
  });
  // Half of a character: a replacement character would lose it.
  const half = Buffer.from('ö').subarray(0, 1);
  expect(runEventDocument({ n: 2, event, body: half })).toEqual({ n: 2, kind: 'stdout', base64: 'ww==' });
});

it('an event without bytes has neither', () => {
  const event = { kind: 'finished', exitCode: 3, reason: 'exited' } as const;
  expect(runEventDocument({ n: 3, event, body: new Uint8Array() })).toEqual({ n: 3, ...event });
});
