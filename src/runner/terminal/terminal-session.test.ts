import { describe, expect, it } from 'vitest';
import { outputMessage, parseClientMessage, titleMessage } from './terminal-session.ts';

const parse = (text: string) => parseClientMessage(Buffer.from(text));

describe('messages of the terminal', () => {
  it('are those of ttyd', () => {
    expect(parse('{"AuthToken":"x","columns":120,"rows":40}')).toEqual({
      type: 'hello',
      token: 'x',
      session: null,
      columns: 120,
      rows: 40,
    });
    const session = 'a-B_3'.repeat(5);
    expect(parse(JSON.stringify({ Session: session }))).toMatchObject({ session });
    for (const other of ['short', `${session} `, 5]) {
      expect(parse(JSON.stringify({ Session: other }))).toMatchObject({ session: null });
    }
    expect(parse('0ls\r')).toEqual({ type: 'input', bytes: Buffer.from('ls\r') });
    expect(parse('1{"columns":1,"rows":1000}')).toEqual({ type: 'resize', columns: 1, rows: 1000 });
    expect([parse('2')?.type, parse('3')?.type]).toEqual(['pause', 'resume']);
    expect(Buffer.from(outputMessage(Buffer.from('hi'))).toString()).toBe('0hi');
    expect(Buffer.from(titleMessage('t')).toString()).toBe('1t');
  });

  it('that are none are nothing, and sizes that cannot be are the usual ones', () => {
    for (const text of ['', 'x', '{', '1', '1[]', '1null', '\0']) expect(parse(text), text).toBeNull();
    for (const columns of [0, -1, 1.5, 1e9, '80', null]) {
      expect(parse(JSON.stringify({ AuthToken: 1, columns }))).toMatchObject({ token: '', columns: 80, rows: 24 });
    }
  });
});
