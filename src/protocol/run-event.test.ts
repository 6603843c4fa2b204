import { expect, it } from 'vitest';
import { headerLength, type RunEvent } from './run-event.ts';

it.each<[RunEvent, number]>([
  [{ kind: 'waiting-input', prompt: 'name? ', password: false }, 6],
  [{ kind: 'error', name: 'ValueError', message: 'no' }, 12],
  [
    {
      kind: 'display',
      role: 'result',
      forms: [
        { type: 'a/b', bytes: 100 },
        { type: 'c/de', bytes: 1 },
      ],
      omitted: [{ type: 'f/g', bytes: 5 }],
    },
    10,
  ],
  [{ kind: 'stdout' }, 0],
  [{ kind: 'finished', exitCode: 0, reason: 'exited' }, 0],
])('of the header of %j the program chooses %d characters', (event, characters) => {
  expect(headerLength(event)).toBe(characters);
});
