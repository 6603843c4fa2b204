import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corrupted } from '../../test/support/corrupted-documents.ts';
import { fuzzRuns } from '../../test/support/depth.ts';
import { FrameError } from './frame.ts';
import { undescribed } from './run-description.ts';
import { parseRunnerFrameHeader } from './runner-frames.ts';

const models = [{ name: 'm', healthy: null }];
const status = { phase: 'ready', interpreter: 'none', detail: '', startedAt: 12.5, logBytesDropped: 0, models };
const forms = [
  { type: 'text/html; charset=utf-8', bytes: 5 },
  { type: 'image/svg+xml', bytes: 2 },
];
const omitted = [{ type: 'image/png', bytes: 5_000_000 }];
const bodyBytes = 7;
const older = { run: 'r-1', phase: 'finished', last: 3, oldest: 2, exitCode: -9, reason: 'signalled' };
const about = {
  mode: 'command',
  context: null,
  name: 'web',
  command: 'server',
  output: 'newest',
  tty: true,
  pid: 7,
  startedAt: 1.5,
  usage: { cpuMs: 20, peakBytes: null },
};
const summary = { ...older, ...about };

describe('parseRunnerFrameHeader', () => {
  const good: readonly unknown[] = [
    {
      t: 'welcome',
      protocol: 1,
      kernelId: '00000000-0000-4000-8000-000000000001',
      generation: 2,
      status,
      runs: [summary],
    },
    { t: 'refused', reason: 'secret', text: 'wrong' },
    { t: 'status', status },
    { t: 'run', summary },
    { t: 'run', summary: { ...summary, phase: 'queued', exitCode: null, reason: null, pid: null, startedAt: null } },
    { t: 'run', summary: { ...summary, mode: 'query', context: 'main', name: null, command: null, output: 'wait' } },
    { t: 'run', summary: { ...summary, mode: null } },
    { t: 'event', run: 'r-1', n: 1, event: { kind: 'started' } },
    { t: 'event', run: 'r-1', n: 1, event: { kind: 'stdout' } },
    { t: 'event', run: 'r-1', n: 1, event: { kind: 'stderr' } },
    { t: 'event', run: 'r-1', n: 4, event: { kind: 'clean-finished', exitCode: 0 } },
    { t: 'event', run: 'r-1', n: 1, event: { kind: 'queued', behind: 'r-0' } },
    { t: 'event', run: 'r-1', n: 2, event: { kind: 'display', role: 'result', forms, omitted } },
    { t: 'event', run: 'r-1', n: 2, event: { kind: 'error', name: 'ValueError', message: '' } },
    { t: 'event', run: 'r-1', n: 7, event: { kind: 'dropped', upTo: 1000 }, reader: 3 },
    { t: 'event', run: 'r-1', n: 3, event: { kind: 'waiting-input', prompt: 'name? ', password: true } },
    { t: 'event', run: 'r-1', n: 4, event: { kind: 'build-finished', exitCode: 1 } },
    { t: 'event', run: 'r-1', n: 5, event: { kind: 'finished', exitCode: 0, reason: 'exited' } },
    { t: 'reply', id: 7, ok: true, result: { matches: ['a'] } },
    { t: 'reply', id: 7, ok: false, error: { code: 'RUN_EXISTS', message: 'no' } },
    { t: 'data' },
    { t: 'end' },
  ];
  it.each(good)('keeps a correct header as it is: %j', (header) => {
    expect(parseRunnerFrameHeader(header, bodyBytes)).toEqual(header);
  });

  // @promise runner-generations
  it.each([
    [{ kind: 'html' }, 'text/html'],
    [{ kind: 'media', type: 'image/png' }, 'image/png'],
  ])('takes %j of an older runner for a value of one form', (event, type) => {
    const value = { kind: 'display', role: 'display', forms: [{ type, bytes: bodyBytes }], omitted: [] };
    expect(parseRunnerFrameHeader({ t: 'event', run: 'r', n: 1, event }, bodyBytes)).toMatchObject({ event: value });
  });

  const display = { kind: 'display', role: 'result', forms, omitted: [] };
  const bad: readonly unknown[] = [
    null,
    [],
    'event',
    {},
    { t: 'hello' },
    { t: '__proto__' },
    { t: 'welcome', protocol: 1, kernelId: '../x', generation: 1, status, runs: [] },
    { t: 'welcome', protocol: 0, kernelId: '00000000-0000-4000-8000-000000000001', generation: 1, status, runs: [] },
    { t: 'event', run: '../r', n: 1, event: { kind: 'stdout' } },
    { t: 'event', run: 'r', n: 0, event: { kind: 'stdout' } },
    { t: 'event', run: 'r', n: 1, event: { kind: 'queued', behind: 'a b' } },
    { t: 'event', run: 'r', n: 1.5, event: { kind: 'stdout' } },
    { t: 'event', run: 'r', n: 1, event: { kind: 'media', type: 'a/b\nx' } },
    { t: 'event', run: 'r', n: 1, event: { ...display, role: 'value' } },
    { t: 'event', run: 'r', n: 1, event: { ...display, omitted: null } },
    { t: 'event', run: 'r', n: 1, event: { ...display, forms: forms.slice(1) } },
    { t: 'event', run: 'r', n: 1, event: { ...display, forms: [...forms, { type: 'a/b', bytes: 1 }] } },
    { t: 'event', run: 'r', n: 1, event: { ...display, forms: [...forms, { type: 'a/b\nx', bytes: 0 }] } },
    {
      t: 'event',
      run: 'r',
      n: 1,
      event: {
        ...display,
        forms: [
          { type: 'a/b', bytes: 8 },
          { type: 'a/b', bytes: -1 },
        ],
      },
    },
    {
      t: 'event',
      run: 'r',
      n: 1,
      event: { ...display, forms: [...forms, ...Array(31).fill({ type: 'a/b', bytes: 0 })] },
    },
    { t: 'event', run: 'r', n: 1, event: { kind: 'error', name: 'ValueError' } },
    { t: 'event', run: 'r', n: 1, event: { kind: 'finished', exitCode: '0', reason: 'exited' } },
    { t: 'event', run: 'r', n: 1, event: { kind: 'finished', exitCode: 0, reason: 'bored' } },
    { t: 'reply', id: 1, ok: 1 },
    { t: 'reply', id: 1, ok: false, error: { code: 'STATE_LOCKED', message: 'a code that is not the runner’s' } },
    { t: 'run', summary: { ...summary, last: -1 } },
    { t: 'run', summary: { ...summary, mode: 'script' } },
    { t: 'run', summary: { ...summary, exitCode: undefined } },
    { t: 'run', summary: { ...summary, reason: 'bored' } },
    { t: 'run', summary: { ...summary, startedAt: Infinity } },
    { t: 'run', summary: { ...summary, name: 'a/b' } },
    { t: 'run', summary: { ...summary, command: 'x'.repeat(201) } },
    { t: 'run', summary: { ...summary, pid: 0 } },
    { t: 'run', summary: { ...summary, output: 'oldest' } },
    { t: 'event', run: 'r', n: 1, event: { kind: 'dropped', upTo: -1 } },
    { t: 'event', run: 'r', n: 1, event: { kind: 'stdout' }, reader: 0 },
    { t: 'status', status: { ...status, startedAt: null } },
  ];
  it.each(bad)('refuses a wrong header: %j', (header) => {
    expect(() => parseRunnerFrameHeader(header, bodyBytes)).toThrow(FrameError);
  });

  it('takes a runner that says nothing of models for one that serves none', () => {
    const { models: _, ...older } = status;
    expect(parseRunnerFrameHeader({ t: 'status', status: older }, 0)).toEqual({
      t: 'status',
      status: { ...older, models: [] },
    });
  });

  it('takes a runner that says nothing of what its runs are', () => {
    expect(parseRunnerFrameHeader({ t: 'run', summary: older }, 0)).toEqual({
      t: 'run',
      summary: { ...undescribed, ...older },
    });
  });

  it('drops unknown fields and cuts endless texts', () => {
    const long = { ...status, detail: 'x'.repeat(100_000), extra: 1 };
    const header = parseRunnerFrameHeader({ t: 'status', status: long }, 0);
    expect(header).toEqual({ t: 'status', status: { ...status, detail: expect.stringMatching(/^x{4096}…$/) } });
  });

  it('throws nothing but FrameError, whatever comes, and what it lets through fits', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), corrupted(good)), (header) => {
        try {
          const read = parseRunnerFrameHeader(header, bodyBytes);
          expect(parseRunnerFrameHeader(read, bodyBytes)).toEqual(read);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });
});
