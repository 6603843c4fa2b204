import { expect, it } from 'vitest';
import { FrameError } from './frame.ts';
import { finite, flag, list, object, oneOf, runId, text, whole } from './guards.ts';

it.each<readonly [string, () => unknown]>([
  ['a is not an object', () => object(null, 'a')],
  ['a is not an object', () => object([], 'a')],
  ['a is not an object', () => object('x', 'a')],
  ['a is not a list', () => list({ length: 0 }, 'a')],
  ['a has more than 2 items', () => list([1, 2, 3], 'a', 2)],
  ['a is not a text', () => text(1, 'a')],
  ['a is longer than 2 characters', () => text('xyz', 'a', 2)],
  ['a is not a boolean', () => flag(0, 'a')],
  ['a is not a number', () => finite(Infinity, 'a')],
  ['a is not a number', () => finite('1', 'a')],
  ['a is below 0', () => finite(-0.5, 'a', 0)],
  ['a is not a whole number', () => whole(0.5, 'a')],
  ['a is not a whole number', () => whole(2 ** 53, 'a')],
  ['a is not a whole number', () => whole('1', 'a')],
  ['a is not from 1 to 3', () => whole(0, 'a', 1, 3)],
  ['a is not from 1 to 3', () => whole(4, 'a', 1, 3)],
  ['a is none of x, y', () => oneOf('z', ['x', 'y'], 'a')],
  ['run is not a run id', () => runId('')],
  ['run is not a run id', () => runId('x'.repeat(65))],
  ['run is not a run id', () => runId('a/b')],
  ['run is not a run id', () => runId(1)],
])('says that %s', (problem, check) => {
  expect(check).toThrow(new FrameError(problem));
});

it('gives back what is as it should be, up to its bounds', () => {
  const [fields, items] = [{ b: 1 }, [1, 2]];
  expect(object(fields, 'a')).toBe(fields);
  expect(list(items, 'a', 2)).toBe(items);
  expect([text('xy', 'a', 2), flag(false, 'a'), finite(0, 'a', 0), finite(-1e300, 'a')]).toEqual([
    'xy',
    false,
    0,
    -1e300,
  ]);
  expect([whole(1, 'a', 1, 3), whole(3, 'a', 1, 3), whole(-5, 'a')]).toEqual([1, 3, -5]);
  expect([oneOf('y', ['x', 'y'], 'a'), runId(`A.b-c_9${'x'.repeat(57)}`)]).toEqual(['y', `A.b-c_9${'x'.repeat(57)}`]);
});
