import { describe, expect, it } from 'vitest';
import { parseRunId } from '../../lib/ids.ts';
import type { Generation3Event, NumberedGeneration3Event } from '../../protocol/generation-3.ts';
import { RunCollector } from './run-collector.ts';

const runId = parseRunId('r1');
const finished = (exitCode: number): Generation3Event => ({ kind: 'finished', exitCode, reason: 'exited' });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let n = 0;
function event(head: Generation3Event, body: Uint8Array | string = ''): NumberedGeneration3Event {
  n += 1;
  return { n, event: head, body: typeof body === 'string' ? bytes(body) : body };
}

/** The records of the vector of spec kernel-runner 25.2. */
const vector = [
  event({ kind: 'stdout' }, 'a'),
  event({ kind: 'stdout' }, 'b'),
  event({ kind: 'stderr' }, 'e'),
  event({ kind: 'media', type: 'image/png' }, Uint8Array.of(0)),
  event({ kind: 'html' }, '<b>x</b>'),
  event({ kind: 'stdout' }, 'c'),
  event(finished(0)),
];

function collect(events: readonly NumberedGeneration3Event[], apiVersion = 3): ReturnType<RunCollector['take']> {
  const collector = new RunCollector(runId);
  const ends = events.map((one) => collector.add(one));
  expect(ends.slice(0, -1)).not.toContain(true);
  return collector.take(apiVersion);
}
const consoleOf = (events: readonly NumberedGeneration3Event[]): unknown => {
  const result = collect(events);
  return 'console' in result ? result.console : undefined;
};

describe('RunCollector', () => {
  it('gathers the vector for API version 3', () => {
    expect(collect(vector)).toEqual({
      runId,
      status: 'finished',
      exitCode: 0,
      options: null,
      console: [
        ['stdout', 'ab'],
        ['stderr', 'e'],
        ['media', ['image/png', 'data:image/png;base64,AA==']],
        ['html', '<b>x</b>'],
        ['stdout', 'c'],
      ],
      files: [],
    });
  });

  it('gathers the vector for API version 1', () => {
    expect(collect(vector, 1)).toEqual({
      runId,
      status: 'finished',
      exitCode: 0,
      options: null,
      stdout: 'abc',
      stderr: 'e',
      media: [['image/png', 'data:image/png;base64,AA==']],
      html: ['<b>x</b>'],
      files: [],
    });
  });

  it('puts split characters together and shows wrong bytes', () => {
    const split = [
      event({ kind: 'stdout' }, Uint8Array.of(0xe2, 0x82)),
      event({ kind: 'stdout' }, Uint8Array.of(0xac)),
    ];
    expect(consoleOf(split)).toEqual([['stdout', '€']]);
    expect(consoleOf([event({ kind: 'stdout' }, Uint8Array.of(0xff))])).toEqual([['stdout', '\uFFFD']]);
  });

  it('keeps half a character for the next call, and drops it at the end of the run', () => {
    const collector = new RunCollector(runId);
    collector.add(event({ kind: 'stdout' }, Uint8Array.of(0xe2, 0x82)));
    expect(collector.take(3)).toMatchObject({ status: 'continued', exitCode: null, console: [] });
    collector.add(event({ kind: 'stdout' }, Uint8Array.of(0xac)));
    expect(collector.take(3)).toMatchObject({ console: [['stdout', '€']] });
    collector.add(event({ kind: 'stdout' }, Uint8Array.of(0xe2)));
    collector.add(event({ kind: 'build-finished', exitCode: 0 }));
    collector.take(3);
    collector.add(event({ kind: 'stdout' }, 'x'));
    expect(collector.take(3)).toMatchObject({ console: [['stdout', 'x']] });
  });

  it('answers waiting-input with the prompt and whether it is a password', () => {
    const waiting = event({ kind: 'waiting-input', prompt: 'name? ', password: false });
    expect(collect([event({ kind: 'stdout' }, 'hi\n'), waiting])).toEqual({
      runId,
      status: 'waiting-input',
      exitCode: null,
      options: { is_password: false },
      console: [['stdout', 'hi\nname? ']],
      files: [],
    });
    const secret = event({ kind: 'waiting-input', prompt: '', password: true });
    expect(collect([secret])).toMatchObject({ options: { is_password: true }, console: [] });
  });

  it('answers each step of a batch', () => {
    const collector = new RunCollector(runId);
    expect(collector.add(event({ kind: 'clean-finished', exitCode: 0 }))).toBe(true);
    expect(collector.take(3)).toMatchObject({ status: 'clean-finished', exitCode: 0 });
    expect(collector.add(event({ kind: 'build-finished', exitCode: 1 }))).toBe(true);
    expect(collector.take(3)).toMatchObject({ status: 'build-finished', exitCode: 1 });
    expect(collector.add(event({ kind: 'finished', exitCode: 127, reason: 'unable' }))).toBe(true);
    expect(collector.take(3)).toMatchObject({ status: 'finished', exitCode: 127 });
  });

  it('answers a time limit with exec-timeout', () => {
    const limit = event({ kind: 'finished', exitCode: -9, reason: 'time-limit' });
    expect(collect([limit])).toMatchObject({ status: 'exec-timeout', exitCode: null });
  });

  it('ends a call with 524,288 characters of a stream, splits no pair, and brings the rest with the next ones', () => {
    const collector = new RunCollector(runId);
    collector.add(event({ kind: 'stderr' }, 'still here'));
    const whole = `${'x'.repeat(524_287)}😀${'y'.repeat(600_000)}`;
    expect(collector.add(event({ kind: 'stdout' }, whole))).toBe(true);
    const answers: string[] = [];
    expect(collector.isFull).toBe(true);
    const first = collector.take(1);
    expect([first.status, first.stderr, first.stdout.length]).toEqual(['continued', 'still here', 524_287]);
    answers.push(first.stdout);
    while (collector.isFull) answers.push(collector.take(1).stdout);
    expect(collector.add(event({ kind: 'stdout' }, 'z'))).toBe(false);
    expect(collector.add(event({ kind: 'finished', exitCode: 0, reason: 'exited' }))).toBe(true);
    const last = collector.take(1);
    expect([last.status, [...answers, last.stdout].join('') === `${whole}z`]).toEqual(['finished', true]);
    expect(Math.max(...answers.map(({ length }) => length))).toBeLessThanOrEqual(524_288);
  });

  it('ends a call with so much HTML and media, and splits none of it', () => {
    const collector = new RunCollector(runId);
    const page = event({ kind: 'html' }, 'x'.repeat(1_400_000));
    const picture = event({ kind: 'media', type: 'image/png' }, Buffer.alloc(1_050_000));
    expect([collector.add(page), collector.add(picture), collector.isFull]).toEqual([false, false, false]);
    expect(collector.add(picture)).toBe(true);
    const { status, html, media } = collector.take(1);
    expect([status, html.length, media.length, media[1]?.[1].length]).toEqual(['continued', 1, 2, 1_400_022]);
    const blanks = Array.from({ length: 70_000 }, () => event({ kind: 'html' }));
    expect(blanks.findIndex((blank) => collector.add(blank))).toBe(65_535);
  });

  it('keeps the streams in order when one of them is too much', () => {
    const collector = new RunCollector(runId);
    expect(collector.add(event({ kind: 'stdout' }, 'x'.repeat(524_289)))).toBe(true);
    collector.add(event({ kind: 'stderr' }, 'after'));
    collector.take(3);
    expect(collector.take(3)).toMatchObject({
      console: [
        ['stdout', 'x'],
        ['stderr', 'after'],
      ],
    });
  });
});
