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

  it.each<unknown>([
    null,
    [null],
    Array(maxContexts + 1).fill(context),
    [{ ...context, name: 'a/b' }],
    [{ ...context, runtime: 'x'.repeat(257) }],
    [{ ...context, cwd: undefined }],
    [{ ...context, cwd: 'x'.repeat(4097) }],
    [{ ...context, state: 'busy' }],
    [{ ...context, detail: null }],
    [{ ...context, waiting: -1 }],
    [{ ...context, running: '../r' }],
  ])('is refused when it is something else: %j', (said) => {
    expect(() => contextStates(said)).toThrow(FrameError);
  });
});

it.each(['', 'a b', 'a/b', 'x'.repeat(65), 'a\n', 1, null])('%j is no name of a context', (name) => {
  expect(() => contextName(name)).toThrow(FrameError);
});
