import { expect, it } from 'vitest';
import { runEventDocument } from './run-event-document.ts';

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
