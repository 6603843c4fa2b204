import { expect, it } from 'vitest';
import type { Generation3Event, NumberedGeneration3Event } from '../../protocol/generation-3.ts';
import { Backlog } from './backlog.ts';

let n = 0;
function event(head: Generation3Event, body = ''): NumberedGeneration3Event {
  n += 1;
  return { n, event: head, body: Buffer.from(body) };
}
function all(backlog: Backlog): readonly string[] {
  const taken: string[] = [];
  for (let one = backlog.shift(); one; one = backlog.shift()) {
    taken.push(`${one.event.kind} ${Buffer.from(one.body).toString().slice(0, 60)}`.trim());
  }
  return taken;
}

it('keeps what is little as it came', () => {
  const backlog = new Backlog();
  expect(backlog.shift()).toBeUndefined();
  backlog.push(event({ kind: 'stdout' }, 'a'));
  backlog.push(event({ kind: 'build-finished', exitCode: 0 }));
  backlog.push(event({ kind: 'html' }, '<b>'));
  expect(all(backlog)).toEqual(['stdout a', 'build-finished', 'html <b>']);
});

it('drops the oldest output of what is much, says so once, and keeps where the run stands', () => {
  const backlog = new Backlog();
  backlog.push(event({ kind: 'clean-finished', exitCode: 0 }));
  for (let index = 0; index < 40; index += 1) backlog.push(event({ kind: 'stdout' }, 'x'.repeat(50_000)));
  backlog.push(event({ kind: 'finished', exitCode: 3, reason: 'exited' }));
  const taken = all(backlog);
  expect(taken.slice(0, 2)).toEqual([
    'stderr kernelet: 1000000 bytes of output came while nobody asked fo',
    'clean-finished',
  ]);
  expect([taken.length, taken.at(-1)]).toEqual([23, 'finished']);
});

it('can be kept from growing until it is taken', () => {
  const backlog = new Backlog();
  backlog.push(event({ kind: 'stdout' }, 'abc'));
  backlog.dropOutput();
  backlog.push(event({ kind: 'stderr' }, 'de'));
  backlog.push(event({ kind: 'finished', exitCode: 0, reason: 'exited' }));
  expect(all(backlog).map((line) => line.slice(0, 24))).toEqual(['stderr kernelet: 5 bytes', 'finished']);
  backlog.push(event({ kind: 'stdout' }, 'f'));
  expect(all(backlog)).toEqual(['stdout f']);
});

it('says what was dropped when nothing else is left', () => {
  const backlog = new Backlog();
  backlog.push(event({ kind: 'stdout' }, 'abc'));
  backlog.dropOutput();
  expect(all(backlog).map((line) => line.slice(0, 24))).toEqual(['stderr kernelet: 3 bytes']);
  expect(backlog.shift()).toBeUndefined();
});

it('wants no more when where the run stands is said without end, also of many empty questions', () => {
  for (const prompt of ['', '?'.repeat(65_536)]) {
    const backlog = new Backlog();
    backlog.dropOutput();
    let taken = 0;
    while (backlog.push(event({ kind: 'waiting-input', prompt, password: false })) && taken < 10_000) taken += 1;
    expect(taken).toBe(prompt === '' ? 1023 : 3);
    backlog.shift();
    backlog.shift();
    expect(backlog.push(event({ kind: 'finished', exitCode: 0, reason: 'exited' }))).toBe(true);
  }
});
