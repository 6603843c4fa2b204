import { expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { KerneletError } from '../lib/errors.ts';
import { UsageError } from './option-reader.ts';
import { reportError } from './report-error.ts';
import { Screen } from './screen.ts';

async function report(error: unknown, json = false) {
  const io = new MemoryIo();
  const status = await reportError(new Screen(io, json), error, '`kernelet x --help` shows how.');
  return { status, stdout: io.stdout.text, stderr: io.stderr.text };
}

// @promise terminal-text
it.each<readonly [unknown, number, string]>([
  [new UsageError('no such thing'), 2, 'kernelet: no such thing\n`kernelet x --help` shows how.\n'],
  [new UsageError('no such thing', 'Give another.'), 2, 'kernelet: no such thing\nGive another.\n'],
  [new KerneletError('INVALID_ARGUMENT', 'cpus: bad'), 2, 'kernelet: cpus: bad\nCorrect the named value.\n'],
  [
    new KerneletError('KERNEL_NOT_FOUND', 'no kernel 3'),
    125,
    'kernelet: no kernel 3\n`kernelet ps` lists the kernels.\n',
  ],
  [
    new KerneletError('INVALID_ARGUMENT', 'body.environ.BAD NAME: not a name'),
    2,
    'kernelet: --env BAD NAME: not a name\nCorrect the named value.\n',
  ],
  [
    new KerneletError('IMAGE_BUILD_FAILED', 'x: failed\nlast \u001B]0;words\u0007\n  set in', { cure: 'Do\u001B[2J.' }),
    125,
    'kernelet: x: failed\n  last \\x1b]0;words\\x07\n  set in\nDo\\x1b[2J.\n',
  ],
  [new TypeError('x is not a function'), 125, expect.stringMatching(/^kernelet: .*x is not a function\n[^\n]*\n$/)],
])('%s has its status, its cure and no stack trace', async (error, status, stderr) => {
  expect(await report(error)).toEqual({ status, stdout: '', stderr });
});

it('is a document too with --json, with what a program needs to go on', async () => {
  const error = new KerneletError('AMBIGUOUS_ID', 'several', { context: { id: '3' } });
  const { stdout, stderr } = await report(error, true);
  expect(stdout.match(/\n/g)).toHaveLength(1);
  expect(JSON.parse(stdout)).toEqual({
    error: { code: 'AMBIGUOUS_ID', message: 'several', cure: expect.any(String), context: { id: '3' } },
  });
  expect(stderr).toContain('several');
});

it('keeps its status when nobody reads it', async () => {
  const io = new MemoryIo();
  io.stdout.failure = new Error('EPIPE');
  io.stderr.failure = new Error('EPIPE');
  expect(await reportError(new Screen(io, true), new UsageError('x'), 'help')).toBe(2);
});
