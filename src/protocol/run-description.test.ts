import { expect, it } from 'vitest';
import type { ExecuteRequest } from './execute-request.ts';
import { describe, undescribed } from './run-description.ts';

it.each<[ExecuteRequest, object]>([
  [
    { mode: 'query', code: 'secret = 1', timeoutMs: null },
    { mode: 'query', context: 'main' },
  ],
  [
    { mode: 'query', code: '1', context: 'second', timeoutMs: null },
    { mode: 'query', context: 'second' },
  ],
  [
    { mode: 'batch', clean: null, build: null, exec: 'make', timeoutMs: null },
    { mode: 'batch', context: 'main' },
  ],
  [
    { mode: 'command', argv: ['sh', '-c', 'a "b"', ''], name: 'web', output: 'newest', timeoutMs: null },
    { mode: 'command', command: 'sh -c "a \\"b\\"" ""', name: 'web', output: 'newest' },
  ],
  [
    { mode: 'program', source: { from: 'file', path: 'main.py' }, args: ['-x', '\u0007'], timeoutMs: null },
    { mode: 'program', command: 'main.py -x "\\u0007"' },
  ],
  [
    { mode: 'program', source: { from: 'code', code: 'print(1)' }, args: ['2'], timeoutMs: null },
    { mode: 'program', command: '"print(1)" 2' },
  ],
  [
    { mode: 'command', argv: ['bash'], tty: { columns: 80, rows: 24 }, output: 'wait', timeoutMs: null },
    { mode: 'command', command: 'bash', tty: true, output: 'newest' },
  ],
  [
    { mode: 'program', source: { from: 'stdin' }, args: [], timeoutMs: null },
    { mode: 'program', command: '-' },
  ],
])('%j is described', (request, description) => {
  expect(describe(request)).toEqual({ ...undescribed, ...description });
});

it('a long command is cut, however it is made', () => {
  for (const argv of [['x'.repeat(1e5)], Array(1e4).fill('a b'), ['\ud83d\ude00'.repeat(1000)]]) {
    const { command } = describe({ mode: 'command', argv, timeoutMs: null });
    expect(command?.length).toBe(200);
    expect(command).toMatch(/…$/);
    expect(command?.isWellFormed()).toBe(true);
  }
});
