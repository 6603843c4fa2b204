import { describe, expect, it } from 'vitest';
import { maxDisplayBytes } from '../protocol/display.ts';
import { displayEvents, errorEvents } from './driver-events.ts';

const text = (type: string, data: string) => ({ type, encoding: 'text', data }) as const;
const said = (events: ReturnType<typeof displayEvents>) =>
  events.map(({ event, body }) => [event, Buffer.from(body).toString()]);

// @promise whole-values
describe('a value', () => {
  it('has all its forms, their bytes one behind the other', () => {
    const picture = { type: 'image/png', encoding: 'base64', data: 'UE5H' } as const;
    expect(said(displayEvents('result', [text('text/plain', 'é'), picture, text('text/html', '<b>')]))).toEqual([
      [
        {
          kind: 'display',
          role: 'result',
          forms: [
            { type: 'text/plain', bytes: 2 },
            { type: 'image/png', bytes: 3 },
            { type: 'text/html', bytes: 3 },
          ],
          omitted: [],
        },
        'éPNG<b>',
      ],
    ]);
  });

  it('is as large as a frame takes at most: its largest forms are left out, and named with their size', () => {
    const half = 'x'.repeat(maxDisplayBytes / 2);
    const forms = [text('text/html', `${half}${half}x`), text('text/plain', half), text('text/latex', half)];
    const [event] = displayEvents('display', [...forms, { type: 'image/png', bytes: 5_000_000 }]);
    expect(event?.event).toEqual({
      kind: 'display',
      role: 'display',
      forms: [
        { type: 'text/plain', bytes: half.length },
        { type: 'text/latex', bytes: half.length },
      ],
      omitted: [
        { type: 'text/html', bytes: maxDisplayBytes + 1 },
        { type: 'image/png', bytes: 5_000_000 },
      ],
    });
    expect(event?.body.length).toBe(maxDisplayBytes);
  });

  it('that is nothing but a text of any length is output when it is longer, and whole', () => {
    const long = 'é'.repeat(maxDisplayBytes / 2);
    expect(displayEvents('result', [text('text/plain', long)])[0]?.event.kind).toBe('display');
    expect(said(displayEvents('result', [text('text/plain', `${long}x`)]))).toEqual([
      [{ kind: 'stdout' }, `${long}x\n`],
    ]);
  });
});

// @promise whole-values
describe('an error', () => {
  it('has its name, its text and its traceback', () => {
    const error = { ev: 'error', name: 'ValueError', message: 'no', traceback: 'Traceback\n' } as const;
    expect(said(errorEvents(error))).toEqual([[{ kind: 'error', name: 'ValueError', message: 'no' }, 'Traceback\n']]);
  });

  it('has a name and a text that fit into a header, and a traceback of any length as output', () => {
    const long = 'x'.repeat(maxDisplayBytes + 1);
    const [output, error] = errorEvents({ ev: 'error', name: long, message: long, traceback: long });
    expect([output?.event, output?.body.length, error?.body.length]).toEqual([{ kind: 'stderr' }, long.length, 0]);
    expect(error?.event).toEqual({ kind: 'error', name: 'x'.repeat(256), message: 'x'.repeat(4096) });
  });
});
