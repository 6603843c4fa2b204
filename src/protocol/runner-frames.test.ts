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
    { t: 'run', summary: { ...summary, usage: { cpuMs: 0, peakBytes: 5 } } },
    { t: 'run', summary: { ...summary, tty: false, usage: null } },
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
  const event = (said: unknown, more: object = {}): unknown => ({ t: 'event', run: 'r', n: 1, event: said, ...more });
  const run = (more: object): unknown => ({ t: 'run', summary: { ...summary, ...more } });
  const phased = (more: object): unknown => ({ t: 'status', status: { ...status, ...more } });
  const kernelId = '00000000-0000-4000-8000-000000000001';
  const welcome = (more: object): unknown => ({
    ...{ t: 'welcome', protocol: 1, kernelId, generation: 1, status, runs: [] },
    ...more,
  });
  const bad: readonly (readonly [string, unknown])[] = [
    ['header is not an object', null],
    ['header is not an object', []],
    ['header is not an object', 'event'],
    ['header of an unknown type', {}],
    ['header of an unknown type', { t: 'hello' }],
    ['header of an unknown type', { t: '__proto__' }],
    ['kernelId is not a UUID', welcome({ kernelId: '../x' })],
    ['kernelId is not a UUID', welcome({ kernelId: `${kernelId}/..` })],
    ['kernelId is not a UUID', welcome({ kernelId: `../${kernelId}` })],
    ['kernelId is not a UUID', welcome({ kernelId: [kernelId] })],
    ['protocol is not from 1', welcome({ protocol: 0 })],
    ['generation is not from 0', welcome({ generation: -1 })],
    ['runs is not a list', welcome({ runs: {} })],
    ['runs has more than 1000 items', welcome({ runs: Array(1001).fill(summary) })],
    ['summary is not an object', welcome({ runs: [null] })],
    ['reason is none of secret, protocol, form', { t: 'refused', reason: 'mood', text: '' }],
    ['text is not a text', { t: 'refused', reason: 'form' }],
    ['run is not a run id', event({ kind: 'stdout' }, { run: '../r' })],
    ['n is not from 1', event({ kind: 'stdout' }, { n: 0 })],
    ['n is not a whole number', event({ kind: 'stdout' }, { n: 1.5 })],
    ['reader is not from 1', event({ kind: 'stdout' }, { reader: 0 })],
    ['event is not an object', event(null)],
    ['event of an unknown kind', event({ kind: 'stdin' })],
    ['run is not a run id', event({ kind: 'queued', behind: 'a b' })],
    ['upTo is not from 0', event({ kind: 'dropped', upTo: -1 })],
    ['type is not a media type', event({ kind: 'media', type: 'a/b\nx' })],
    ['type is not a media type', event({ kind: 'media', type: ['a/b'] })],
    ['role is none of result, display', event({ ...display, role: 'value' })],
    ['forms is not a list', event({ ...display, forms: null })],
    ['form is not an object', event({ ...display, forms: [null] })],
    ['omitted is not a list', event({ ...display, omitted: null })],
    ['the forms of a value do not make up its body', event({ ...display, forms: forms.slice(1) })],
    [
      'the forms of a value do not make up its body',
      event({ ...display, forms: [...forms, { type: 'a/b', bytes: 1 }] }),
    ],
    ['type is not a media type', event({ ...display, forms: [...forms, { type: 'a/b\nx', bytes: 0 }] })],
    [
      'bytes is not from 0',
      event({
        ...display,
        forms: [
          { type: 'a/b', bytes: 8 },
          { type: 'a/b', bytes: -1 },
        ],
      }),
    ],
    ['forms has more than 32 items', event({ ...display, forms: Array(33).fill({ type: 'a/b', bytes: 0 }) })],
    ['omitted has more than 32 items', event({ ...display, omitted: Array(33).fill({ type: 'a/b', bytes: 0 }) })],
    ['name is not a text', event({ kind: 'error', message: '' })],
    ['message is not a text', event({ kind: 'error', name: 'ValueError' })],
    ['prompt is not a text', event({ kind: 'waiting-input', password: false })],
    ['exitCode is not a whole number', event({ kind: 'clean-finished' })],
    ['exitCode is not a whole number', event({ kind: 'build-finished', exitCode: null })],
    ['exitCode is not a whole number', event({ kind: 'finished', exitCode: '0', reason: 'exited' })],
    ['reason is none of exited, signalled', event({ kind: 'finished', exitCode: 0, reason: 'bored' })],
    ['id is not from 0', { t: 'reply', id: -1, ok: true }],
    ['ok is not a boolean', { t: 'reply', id: 1, ok: 1 }],
    ['error is not an object', { t: 'reply', id: 1, ok: false }],
    // A code that is not the runner's.
    [
      'code is none of INVALID_ARGUMENT',
      { t: 'reply', id: 1, ok: false, error: { code: 'STATE_LOCKED', message: '' } },
    ],
    ['message is not a text', { t: 'reply', id: 1, ok: false, error: { code: 'INTERNAL' } }],
    ['run is not a run id', run({ run: '' })],
    ['phase is none of queued, running', run({ phase: 'ready' })],
    ['last is not from 0', run({ last: -1 })],
    ['oldest is not from 0', run({ oldest: -1 })],
    ['mode is none of query, batch, program, command', run({ mode: 'script' })],
    ['context is not the name of a context', run({ context: 'a/b' })],
    ['exitCode is not a whole number', run({ exitCode: undefined })],
    ['reason is none of exited, signalled', run({ reason: 'bored' })],
    ['startedAt is not a number', run({ startedAt: Infinity })],
    ['name is not the name of a run', run({ name: 'a/b' })],
    ['command is longer than 200 characters', run({ command: 'x'.repeat(201) })],
    ['pid is not from 1', run({ pid: 0 })],
    ['output is none of wait, newest', run({ output: 'oldest' })],
    ['usage is not an object', run({ usage: 1 })],
    ['cpuMs is not from 0', run({ usage: { cpuMs: -1, peakBytes: null } })],
    ['peakBytes is not from 0', run({ usage: { cpuMs: 0, peakBytes: -1 } })],
    ['status is not an object', { t: 'status' }],
    ['phase is none of starting, ready, failed, stopping', phased({ phase: 'running' })],
    ['interpreter is none of none, idle, starting, ready, failed', phased({ interpreter: 'busy' })],
    ['detail is not a text', phased({ detail: null })],
    ['startedAt is not a number', phased({ startedAt: null })],
    ['logBytesDropped is not from 0', phased({ logBytesDropped: -1 })],
    ['models is not a list', phased({ models: {} })],
  ];
  it.each(bad)('refuses a wrong header, and says that %s', (problem, header) => {
    expect(() => parseRunnerFrameHeader(header, bodyBytes)).toThrow(FrameError);
    expect(() => parseRunnerFrameHeader(header, bodyBytes)).toThrow(problem);
  });

  it('takes a thousand runs and a value of 32 forms', () => {
    const runs = Array(1000).fill(summary);
    expect(parseRunnerFrameHeader(welcome({ runs }), 0)).toMatchObject({ runs });
    const many = { ...display, forms: Array(32).fill({ type: 'a/b', bytes: 1 }) };
    expect(parseRunnerFrameHeader(event(many), 32)).toEqual(event(many));
  });

  it('takes nothing but true for a question whose answer is not shown', () => {
    const asked = { kind: 'waiting-input', prompt: 'x'.repeat(65_537), password: 'true' };
    expect(parseRunnerFrameHeader(event(asked), 0)).toEqual(
      event({ kind: 'waiting-input', prompt: expect.stringMatching(/^x{65536}…$/), password: false }),
    );
  });

  it('shows a text of the length that is allowed as it is', () => {
    const detail = 'x'.repeat(4096);
    expect(parseRunnerFrameHeader(phased({ detail }), 0)).toEqual(phased({ detail }));
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
