import { expect, it } from 'vitest';
import { shownValue } from '../../test/support/shown-value.ts';
import { contentDocument } from './event-document.ts';

it('a value has its texts as texts, and what is none in base64', () => {
  const omitted = [{ type: 'image/svg+xml', bytes: 9_000_000 }];
  const [event, content] = shownValue(
    { 'text/plain': 'é', 'image/svg+xml': '<svg/>', 'image/png': 'PNG' },
    { omitted },
  );
  expect(contentDocument({ event, body: Buffer.from(content) })).toEqual({
    kind: 'display',
    role: 'result',
    forms: [
      { type: 'text/plain', text: 'é' },
      { type: 'image/svg+xml', text: '<svg/>' },
      { type: 'image/png', base64: 'UE5H' },
    ],
    omitted,
  });
});

it('a text that is no UTF-8 loses no byte', () => {
  const event = { kind: 'display', role: 'display', forms: [{ type: 'text/plain', bytes: 2 }], omitted: [] } as const;
  expect(contentDocument({ event, body: Buffer.from([0x61, 0xff]) })).toMatchObject({
    forms: [{ type: 'text/plain', base64: 'Yf8=' }],
  });
});

it('an error has its traceback, which may be a part of a larger buffer', () => {
  const event = { kind: 'error', name: 'ValueError', message: 'no' } as const;
  const body = Buffer.from('(Traceback)').subarray(1, 10);
  expect(contentDocument({ event, body })).toEqual({ ...event, traceback: 'Traceback' });
});

it('other events have no document', () => {
  expect(contentDocument({ event: { kind: 'stdout' }, body: Buffer.from('x') })).toBeNull();
});
