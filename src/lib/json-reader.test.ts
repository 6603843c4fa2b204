import { describe, expect, it } from 'vitest';
import { JsonFormError, listOfThose, number, object, otherwise, readOrNull, text } from './json-reader.ts';

const count = object((of) => of('count', otherwise(number, null)));

describe('readers of JSON', () => {
  it('take something else for what is no harm when it is lost, and nothing for the rest', () => {
    expect([count({ count: 3 }, 'it'), count({ count: '3' }, 'it'), count({}, 'it')]).toEqual([3, null, null]);
    expect(() => count([], 'it')).toThrow(new JsonFormError('it', 'an object'));
  });

  it('hide no defect of their own', () => {
    const defective = otherwise((): number => {
      throw new TypeError('a defect');
    }, 0);
    expect(() => defective(1, 'it')).toThrow('a defect');
    expect(() => readOrNull(defective, '1')).toThrow('a defect');
  });

  it('leave out what is not of the kind of a list, which is to be a list', () => {
    expect(listOfThose(text)(['a', 5, null, 'b'], 'it')).toEqual(['a', 'b']);
    expect(() => listOfThose(text)('ab', 'it')).toThrow('it is not a list');
  });

  it('are null for a text that is not JSON, or not as wanted', () => {
    expect(['{"count":1}', '{"count":', '[]', ''].map((json) => readOrNull(count, json))).toEqual([
      1,
      null,
      null,
      null,
    ]);
  });
});
