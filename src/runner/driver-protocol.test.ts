import fc from 'fast-check';
import { expect, it } from 'vitest';
import { corrupted } from '../../test/support/corrupted-documents.ts';
import { fuzzRuns } from '../../test/support/depth.ts';
import { parseDriverLine } from './driver-protocol.ts';

const good = [
  { ev: 'ready', interruptByLine: true, streamsAreCopies: false },
  { ev: 'unable', isMissing: true, reason: 'why' },
  { ev: 'stream', name: 'stderr', text: 'é' },
  {
    ev: 'display',
    role: 'result',
    forms: [
      { type: 'text/plain', encoding: 'text', data: '' },
      { type: 'image/png', encoding: 'base64', data: 'eA==' },
      { type: 'text/html; charset=utf-8', bytes: 5_000_000 },
    ],
  },
  { ev: 'error', name: 'ValueError', message: 'no', traceback: 'Traceback …' },
  { ev: 'input', prompt: '? ', password: true },
  { ev: 'done', id: 3, exitCode: -9 },
  { ev: 'completion', id: 3, matches: ['a', 'b'] },
];
it.each(good)('a line of a driver is read as it is: %j', (event) => {
  expect(parseDriverLine(JSON.stringify(event))).toEqual(event);
});

it.each([
  'no JSON',
  'null',
  '5',
  '[]',
  '{"ev":"finished"}',
  '{"ev":"display","role":"value","forms":[]}',
  '{"ev":"display","role":"result","forms":{}}',
  '{"ev":"error","name":"E","message":"no"}',
  '{"ev":"input","password":true}',
  '{"ev":"stream","name":"stdin","text":""}',
  '{"ev":"unable","reason":"x"}',
  '{"ev":"done","id":1,"exitCode":0.5}',
  '{"ev":"done","id":"1","exitCode":0}',
  '{"ev":"completion","id":1,"matches":"a"}',
])('takes %s for nothing', (line) => {
  expect(parseDriverLine(line)).toBeNull();
});

it('forms of a value are bounded, and what is no form is left out', () => {
  const odd = [
    { type: 'image/png\r\nX: y', encoding: 'base64', data: '' },
    { type: 'png', encoding: 'base64', data: '' },
    { type: 'image/png', encoding: 'hex', data: '' },
    { type: 'image/png', bytes: -1 },
    'form',
  ];
  const many = Array.from({ length: 40 }, (_, index) => ({ type: `a/${index}`, encoding: 'text', data: '' }));
  const event = parseDriverLine(JSON.stringify({ ev: 'display', role: 'display', forms: [...odd, ...many] }));
  expect(event).toEqual({ ev: 'display', role: 'display', forms: many.slice(0, 32) });
});

it('a driver that says nothing of it gets signals, and its streams are heard', () => {
  expect(parseDriverLine('{"ev":"ready"}')).toEqual({ ev: 'ready', interruptByLine: false, streamsAreCopies: false });
});

it('why a driver cannot be used is cut, since the reasons of all contexts go into one reply', () => {
  const event = parseDriverLine(JSON.stringify({ ev: 'unable', isMissing: false, reason: 'x'.repeat(1_000_000) }));
  expect(event?.ev === 'unable' && event.reason.length).toBe(4096);
});

it('completions of a driver are bounded, and what is not a text is left out', () => {
  const matches = [5, null, ...Array.from({ length: 5000 }, (_, index) => `m${index}`)];
  const event = parseDriverLine(JSON.stringify({ ev: 'completion', id: 1, matches }));
  expect(event?.ev === 'completion' && [event.matches.length, event.matches[0]]).toEqual([1000, 'm0']);
});

it('any other line of a driver is ignored, and what is read has the form of an event', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        corrupted(good).map((event) => JSON.stringify(event)),
      ),
      (line) => {
        const event = parseDriverLine(line);
        expect(event === null || parseDriverLine(JSON.stringify(event))).toEqual(event ?? true);
      },
    ),
    { numRuns: fuzzRuns(1000) },
  );
});
