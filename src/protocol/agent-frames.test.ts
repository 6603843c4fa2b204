import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corrupted } from '../../test/support/corrupted-documents.ts';
import { fuzzRuns } from '../../test/support/depth.ts';
import { parseAgentFrameHeader } from './agent-frames.ts';
import { FrameError } from './frame.ts';

const execute = (request: unknown): unknown => ({
  t: 'request',
  id: 1,
  method: 'execute',
  params: { run: 'r', request },
});

describe('parseAgentFrameHeader', () => {
  const good: readonly unknown[] = [
    { t: 'hello', protocol: 1, secret: 'ab', role: 'control' },
    { t: 'attach', run: 'r-1', after: 0 },
    { t: 'detach', run: 'r-1' },
    { t: 'attach', run: 'r-1', after: 0, reader: 2 },
    { t: 'detach', run: 'r-1', reader: 2 },
    { t: 'request', id: 2, method: 'signal', params: { run: 'r', signal: 'SIGUSR1' } },
    execute({
      ...{ mode: 'command', argv: ['ls'], name: 'web', cwd: 'data', environ: { A: 'b\n' } },
      ...{ stdin: 'closed', output: 'newest', timeoutMs: null },
    }),
    execute({ mode: 'program', source: { from: 'stdin' }, args: [], environ: {}, output: 'wait', timeoutMs: null }),
    execute({ mode: 'command', argv: ['sh'], tty: { columns: 80, rows: 24 }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['sh'], limits: {}, timeoutMs: null }),
    execute({
      ...{ mode: 'command', argv: ['sh'], timeoutMs: null },
      limits: { cpuSeconds: 1, memoryBytes: 2 ** 20, outputBytes: 0 },
    }),
    { t: 'request', id: 2, method: 'resize', params: { run: 'r', columns: 1, rows: 1000 } },
    { t: 'ack', run: 'r-1', n: 12 },
    { t: 'data' },
    { t: 'end' },
    execute({ mode: 'query', code: 'a\0b', timeoutMs: null }),
    execute({ mode: 'query', code: '1', context: 'second', timeoutMs: null }),
    execute({ mode: 'batch', clean: null, build: '*', exec: './a.out', timeoutMs: 5 }),
    execute({ mode: 'program', source: { from: 'code', code: '1' }, args: ['a\nb'], timeoutMs: null }),
    execute({ mode: 'program', source: { from: 'file', path: 'x' }, args: [], timeoutMs: null }),
    execute({ mode: 'program', source: { from: 'stdin' }, args: [], timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls', '-l'], timeoutMs: null }),
    { t: 'request', id: 2, method: 'interrupt', params: { run: null } },
    { t: 'request', id: 2, method: 'cancel', params: { run: 'r', signal: 'SIGTERM' } },
    { t: 'request', id: 2, method: 'input', params: { run: 'r', text: 'a' } },
    { t: 'request', id: 2, method: 'input', params: { run: 'r', text: null } },
    { t: 'request', id: 2, method: 'upload', params: { path: '-rf\n', mode: 0o600 } },
    { t: 'request', id: 2, method: 'ping', params: null },
    { t: 'request', id: 2, method: 'interrupt', params: { run: null, context: 'second' } },
    { t: 'request', id: 2, method: 'complete', params: { code: 'a', cursor: 1, context: 'second' } },
    { t: 'request', id: 2, method: 'create-context', params: { name: 'a', runtime: 'python', cwd: '/tmp' } },
    { t: 'request', id: 2, method: 'create-context', params: { name: 'a', runtime: null, cwd: null } },
    { t: 'request', id: 2, method: 'remove-context', params: { name: 'a' } },
    { t: 'request', id: 2, method: 'restart-context', params: { name: 'main' } },
    { t: 'request', id: 2, method: 'contexts', params: null },
    { t: 'request', id: 2, method: 'apps', params: null },
    { t: 'request', id: 2, method: 'stdin', params: { run: 'r', eof: true } },
    { t: 'request', id: 2, method: 'interrupt', params: { run: 'r' } },
    { t: 'request', id: 2, method: 'forget', params: { run: 'r' } },
    { t: 'request', id: 2, method: 'list-files', params: { path: '.', from: 100 } },
    { t: 'request', id: 2, method: 'upload', params: { path: 'a/', mode: null } },
    { t: 'request', id: 2, method: 'download', params: { path: 'a' } },
    { t: 'request', id: 2, method: 'start-service', params: { name: 'web', options: { arguments: {}, envs: {} } } },
    { t: 'request', id: 2, method: 'stop-service', params: { name: 'web' } },
    { t: 'request', id: 2, method: 'shutdown', params: { graceMs: 600_000 } },
  ];
  it.each(good)('keeps a correct header as it is: %j', (header) => {
    expect(parseAgentFrameHeader(header)).toEqual(header);
  });

  const bad: readonly unknown[] = [
    execute({ mode: 'command', argv: ['sh'], tty: { columns: 0, rows: 24 }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['sh'], tty: true, timeoutMs: null }),
    execute({ mode: 'command', argv: ['sh'], limits: { cpuSeconds: 0 }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['sh'], limits: { memoryBytes: 1 }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['sh'], limits: { outputBytes: -1 }, timeoutMs: null }),
    { t: 'request', id: 2, method: 'resize', params: { run: 'r', columns: 1001, rows: 1 } },
    null,
    [],
    { t: 'welcome' },
    { t: 'hello', protocol: 1, secret: 'x'.repeat(257), role: 'control' },
    { t: 'hello', protocol: 1, secret: 'x', role: 'root' },
    { t: 'attach', run: '../r', after: 0 },
    { t: 'attach', run: 'r', after: 0, reader: 0 },
    execute({ mode: 'command', argv: ['ls'], name: 'a b', timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], cwd: 'a\0', timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], environ: { 'a=b': 'c' }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], environ: { a: 'b\0' }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], environ: { a: 1 }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], environ: { '': 'b' }, timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], stdin: 'open', timeoutMs: null }),
    execute({ mode: 'command', argv: ['ls'], output: 'oldest', timeoutMs: null }),
    { t: 'ack', run: 'r', n: -1 },
    { t: 'request', id: 1, method: 'constructor', params: {} },
    { t: 'request', id: 1, method: '__proto__', params: {} },
    { t: 'request', id: 1, method: 'execute' },
    execute({ mode: 'query', code: 1, timeoutMs: null }),
    execute({ mode: 'query', code: '1' }),
    execute({ mode: 'query', code: '1', timeoutMs: 0 }),
    execute({ mode: 'command', argv: [], timeoutMs: null }),
    execute({ mode: 'command', argv: ['a\0b'], timeoutMs: null }),
    execute({ mode: 'batch', clean: 1, build: null, exec: null, timeoutMs: null }),
    execute({ mode: 'program', source: { from: 'net' }, args: [], timeoutMs: null }),
    { t: 'request', id: 2, method: 'cancel', params: { run: 'r', signal: '9' } },
    { t: 'request', id: 2, method: 'input', params: { run: 'r' } },
    { t: 'request', id: 2, method: 'upload', params: { path: 'a\0', mode: null } },
    { t: 'request', id: 2, method: 'upload', params: { path: 'a', mode: 0o4755 } },
    { t: 'request', id: 2, method: 'shutdown', params: { graceMs: -1 } },
    { t: 'request', id: 2, method: 'shutdown', params: { graceMs: 600_001 } },
    { t: 'request', id: 2, method: 'stdin', params: { run: 'r', eof: 1 } },
    { t: 'request', id: 2, method: 'list-files', params: { path: '.', from: -1 } },
    { t: 'request', id: 2, method: 'download', params: { path: 'x'.repeat(4097) } },
    { t: 'request', id: 2, method: 'cancel', params: { run: 'r', signal: 'SIGTERM\n' } },
    execute({ mode: 'script', code: '1', timeoutMs: null }),
    execute({ mode: 'command', argv: 'ls', timeoutMs: null }),
    execute({ mode: 'command', argv: Array(16_385).fill('x'), timeoutMs: null }),
    execute({ mode: 'query', code: '1', context: 'a/b', timeoutMs: null }),
    { t: 'request', id: 2, method: 'create-context', params: { name: '', runtime: null, cwd: null } },
    { t: 'request', id: 2, method: 'create-context', params: { name: 'a', runtime: null, cwd: 'a\0' } },
  ];
  it.each(bad)('refuses a wrong header: %j', (header) => {
    expect(() => parseAgentFrameHeader(header)).toThrow(FrameError);
  });

  it('gives an agent that asks for no place in a listing all of it', () => {
    const header = { t: 'request', id: 2, method: 'list-files', params: { path: '.' } };
    expect(parseAgentFrameHeader(header)).toEqual({ ...header, params: { path: '.', from: 0 } });
  });

  it('takes 1024 variables and not one more', () => {
    const variables = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`v${i}`, '']));
    const read = (count: number) =>
      parseAgentFrameHeader(execute({ mode: 'command', argv: ['ls'], environ: variables(count), timeoutMs: null }));
    expect(read(1024)).toMatchObject({ params: { request: { environ: variables(1024) } } });
    expect(() => read(1025)).toThrow('environ has more than 1024 variables');
  });

  it('has no null in place of what is absent, since requests are compared', () => {
    const header = parseAgentFrameHeader(execute({ mode: 'command', argv: ['ls'], name: null, timeoutMs: null }));
    expect(header).toStrictEqual(execute({ mode: 'command', argv: ['ls'], timeoutMs: null }));
  });

  it('throws nothing but FrameError, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), corrupted(good)), (header) => {
        try {
          parseAgentFrameHeader(header);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });
});
