import { describe, expect, it } from 'vitest';
import { FrameError } from './frame.ts';
import { contextName, contextStates, maxContexts } from './kernel-contexts.ts';

const context = {
  name: 'main',
  runtime: 'python',
  cwd: null,
  state: 'ready',
  detail: '',
  waiting: 2,
  running: null,
};

describe('what a runner says of its contexts', () => {
  it('is read field by field', () => {
    const busy = { ...context, name: 'second', cwd: '/tmp', running: 'r-1' };
    expect(contextStates([{ ...context, more: 1 }, busy])).toEqual([context, busy]);
    expect(contextStates([{ ...context, detail: 'x'.repeat(5000) }])[0]?.detail).toBe('x'.repeat(4096));
    expect(contextStates(Array(maxContexts).fill(context))).toHaveLength(maxContexts);
  });

  it.each<readonly [string, unknown]>([
    ['contexts is not a list', null],
    ['context is not an object', [null]],
    ['contexts has more than 16 items', Array(maxContexts + 1).fill(context)],
    ['context is not the name of a context', [{ ...context, name: 'a/b' }]],
    ['runtime is longer than 256 characters', [{ ...context, runtime: 'x'.repeat(257) }]],
    ['cwd is not a text', [{ ...context, cwd: undefined }]],
    ['cwd is longer than 4096 characters', [{ ...context, cwd: 'x'.repeat(4097) }]],
    ['state is none of none, idle, starting, ready, failed', [{ ...context, state: 'busy' }]],
    ['detail is not a text', [{ ...context, detail: null }]],
    ['waiting is not from 0 to 9007199254740991', [{ ...context, waiting: -1 }]],
    ['run is not a run id', [{ ...context, running: '../r' }]],
  ])('is refused when %s', (problem, said) => {
    expect(() => contextStates(said)).toThrow(new FrameError(problem));
  });
});

it.each(['', 'a b', 'a/b', 'x'.repeat(65), 'a\n', '\na'])('%j is no name of a context', (name) => {
  expect(() => contextName(name)).toThrow(new FrameError('context is not the name of a context'));
});

it.each([1, null])('%j is no name of a context, and no text', (name) => {
  expect(() => contextName(name)).toThrow(new FrameError('context is not a text'));
});

it.each(['a', 'A.b-c_9', 'x'.repeat(64)])('%s is a name of a context', (name) => {
  expect(contextName(name)).toBe(name);
});
