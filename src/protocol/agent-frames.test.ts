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
    { t: 'request', id: 2, method: 'stat-file', params: { path: 'a', follow: true } },
    { t: 'request', id: 2, method: 'make-folder', params: { path: 'a' } },
    { t: 'request', id: 2, method: 'move-file', params: { from: 'a', to: 'b', replace: false } },
    { t: 'request', id: 2, method: 'remove-file', params: { path: 'a', recursive: true } },
    { t: 'request', id: 2, method: 'unpack', params: { path: 'a' } },
    { t: 'request', id: 2, method: 'watch-folder', params: { path: 'a', recursive: false } },
    { t: 'request', id: 2, method: 'start-service', params: { name: 'web', options: { arguments: {}, envs: {} } } },
    { t: 'request', id: 2, method: 'stop-service', params: { name: 'web' } },
    { t: 'request', id: 2, method: 'shutdown', params: { graceMs: 600_000 } },
  ];
  it.each(good)('keeps a correct header as it is: %j', (header) => {
    expect(parseAgentFrameHeader(header)).toEqual(header);
  });

  const asked = (method: string, params?: unknown): unknown => ({ t: 'request', id: 2, method, params });
  const command = (more: object): unknown => execute({ mode: 'command', argv: ['sh'], timeoutMs: null, ...more });
  const query = (more: object): unknown => execute({ mode: 'query', code: '1', timeoutMs: null, ...more });
  const batch = (more: object): unknown =>
    execute({ mode: 'batch', clean: null, build: null, exec: null, timeoutMs: null, ...more });
  const program = (more: object): unknown =>
    execute({ mode: 'program', source: { from: 'stdin' }, args: [], timeoutMs: null, ...more });
  const newContext = (more: object): unknown =>
    asked('create-context', { name: 'a', runtime: null, cwd: null, ...more });
  const hello = (more: object): unknown => ({ t: 'hello', protocol: 1, secret: 'x', role: 'file', ...more });
  const code = 480 * 1024;

  const bad: readonly (readonly [string, unknown])[] = [
    ['header is not an object', null],
    ['header is not an object', []],
    ['header of an unknown type', { t: 'welcome' }],
    ['protocol is not from 1', hello({ protocol: 0 })],
    ['protocol is not a whole number', hello({ protocol: '1' })],
    ['secret is longer than 256 characters', hello({ secret: 'x'.repeat(257) })],
    ['secret is not a text', hello({ secret: null })],
    ['role is none of control, file', hello({ role: 'root' })],
    ['run is not a run id', { t: 'attach', run: '../r', after: 0 }],
    ['after is not from 0', { t: 'attach', run: 'r', after: -1 }],
    ['reader is not from 1', { t: 'attach', run: 'r', after: 0, reader: 0 }],
    ['run is not a run id', { t: 'detach' }],
    ['reader is not a whole number', { t: 'detach', run: 'r', reader: null }],
    ['run is not a run id', { t: 'ack', n: 1 }],
    ['n is not from 0', { t: 'ack', run: 'r', n: -1 }],
    ['id is not from 0', { t: 'request', id: -1, method: 'ping', params: null }],
    ['method is not a method of the runner', asked('constructor', {})],
    ['method is not a method of the runner', asked('__proto__', {})],
    ['method is not a method of the runner', { t: 'request', id: 1, method: ['ping'], params: {} }],
    ['params is not an object', { t: 'request', id: 1, method: 'execute' }],
    ['request is not an object', execute(null)],
    ['mode is not a mode of execution', execute({ mode: 'script', code: '1', timeoutMs: null })],
    ['code is not a text', query({ code: 1 })],
    ['code is longer than 491520 characters', query({ code: 'x'.repeat(code + 1) })],
    ['timeoutMs is not a whole number', query({ timeoutMs: undefined })],
    ['timeoutMs is not from 1 to 2147483647', query({ timeoutMs: 0 })],
    ['timeoutMs is not from 1 to 2147483647', query({ timeoutMs: 2 ** 31 })],
    ['context is not the name of a context', query({ context: 'a/b' })],
    ['clean is not a text', batch({ clean: 1 })],
    ['build contains a NUL', batch({ build: 'a\0' })],
    ['exec is longer than 491520 characters', batch({ exec: 'x'.repeat(code + 1) })],
    ['source is not an object', program({ source: 'x' })],
    ['from is none of code, file, stdin', program({ source: { from: 'net' } })],
    ['code is not a text', program({ source: { from: 'code' } })],
    ['path contains a NUL', program({ source: { from: 'file', path: 'a\0' } })],
    ['args is not a list', program({ args: null })],
    ['argv is empty', command({ argv: [] })],
    ['argv contains a NUL', command({ argv: ['a\0b'] })],
    ['argv is not a list', command({ argv: 'ls' })],
    ['argv is not a text', command({ argv: ['ls', 1] })],
    ['argv has more than 16384 items', command({ argv: Array(16_385).fill('x') })],
    ['name is not the name of a run', command({ name: 'a b' })],
    ['path contains a NUL', command({ cwd: 'a\0' })],
    ['environ is not an object', command({ environ: [] })],
    ['environ has what is not the name of a variable', command({ environ: { 'a=b': 'c' } })],
    ['environ has what is not the name of a variable', command({ environ: { '=b': 'c' } })],
    ['environ has what is not the name of a variable', command({ environ: { 'b\0': 'c' } })],
    ['environ has what is not the name of a variable', command({ environ: { '': 'b' } })],
    ['a variable contains a NUL', command({ environ: { a: 'b\0' } })],
    ['a variable is not a text', command({ environ: { a: 1 } })],
    ['stdin is none of stream, closed', command({ stdin: 'open' })],
    ['output is none of wait, newest', command({ output: 'oldest' })],
    ['columns is not from 1 to 1000', command({ tty: { columns: 0, rows: 24 } })],
    ['rows is not from 1 to 1000', command({ tty: { columns: 80, rows: 1001 } })],
    ['tty is not an object', command({ tty: true })],
    ['limits is not an object', command({ limits: 1 })],
    ['cpuSeconds is not from 1 to 2678400', command({ limits: { cpuSeconds: 0 } })],
    ['cpuSeconds is not from 1 to 2678400', command({ limits: { cpuSeconds: 2_678_401 } })],
    ['memoryBytes is not from 1048576 to 140737488355328', command({ limits: { memoryBytes: 1_048_575 } })],
    ['memoryBytes is not from 1048576 to 140737488355328', command({ limits: { memoryBytes: 2 ** 47 + 1 } })],
    ['outputBytes is not from 0 to 140737488355328', command({ limits: { outputBytes: -1 } })],
    ['text is not a text', asked('input', { run: 'r' })],
    ['text is longer than 491520 characters', asked('input', { run: 'r', text: 'x'.repeat(code + 1) })],
    ['eof is not a boolean', asked('stdin', { run: 'r', eof: 1 })],
    ['run is not a run id', asked('stdin', { eof: true })],
    ['run is not a run id', asked('interrupt', {})],
    ['context is not the name of a context', asked('interrupt', { run: null, context: '' })],
    ['signal is not the name of a signal', asked('cancel', { run: 'r', signal: '9' })],
    ['signal is not the name of a signal', asked('cancel', { run: 'r', signal: 'SIGTERM\n' })],
    ['signal is not the name of a signal', asked('signal', { run: 'r', signal: 'xSIGTERM' })],
    ['signal is longer than 16 characters', asked('signal', { run: 'r', signal: `SIG${'A'.repeat(14)}` })],
    ['signal is not a text', asked('signal', { run: 'r' })],
    ['run is not a run id', asked('resize', { columns: 1, rows: 1 })],
    ['columns is not from 1 to 1000', asked('resize', { run: 'r', columns: 1001, rows: 1 })],
    ['run is not a run id', asked('forget', {})],
    ['code is not a text', asked('complete', { cursor: 0 })],
    ['cursor is not from 0 to 491520', asked('complete', { code: '', cursor: -1 })],
    ['cursor is not from 0 to 491520', asked('complete', { code: '', cursor: code + 1 })],
    ['context is not the name of a context', newContext({ name: '' })],
    ['runtime is longer than 64 characters', newContext({ runtime: 'x'.repeat(65) })],
    ['runtime is not a text', newContext({ runtime: undefined })],
    ['path contains a NUL', newContext({ cwd: 'a\0' })],
    ['context is not a text', asked('remove-context', {})],
    ['context is not a text', asked('restart-context', {})],
    ['from is not from 0', asked('list-files', { path: '.', from: -1 })],
    ['path is not a text', asked('list-files', {})],
    ['path contains a NUL', asked('upload', { path: 'a\0', mode: null })],
    ['mode is not from 0 to 511', asked('upload', { path: 'a', mode: 0o4755 })],
    ['follow is not a boolean', asked('stat-file', { path: 'a' })],
    ['path contains a NUL', asked('make-folder', { path: 'a\0b' })],
    ['path is not a text', asked('move-file', { from: 'a', replace: false })],
    ['replace is not a boolean', asked('move-file', { from: 'a', to: 'b' })],
    ['recursive is not a boolean', asked('remove-file', { path: 'a', recursive: 1 })],
    ['path is not a text', asked('unpack', {})],
    ['recursive is not a boolean', asked('watch-folder', { path: 'a' })],
    ['path is longer than 4096 characters', asked('download', { path: 'x'.repeat(4097) })],
    ['name is longer than 256 characters', asked('start-service', { name: 'x'.repeat(257), options: {} })],
    ['options is not an object', asked('start-service', { name: 'web' })],
    ['name is not a text', asked('stop-service', {})],
    ['graceMs is not from 0 to 600000', asked('shutdown', { graceMs: -1 })],
    ['graceMs is not from 0 to 600000', asked('shutdown', { graceMs: 600_001 })],
  ];
  it.each(bad)('refuses a wrong header, and says that %s', (problem, header) => {
    expect(() => parseAgentFrameHeader(header)).toThrow(FrameError);
    expect(() => parseAgentFrameHeader(header)).toThrow(problem);
  });

  it.each([
    ['a text', query({ code: 'x'.repeat(code) })],
    ['a name of a context', newContext({ name: 'x'.repeat(64), runtime: 'x'.repeat(64), cwd: 'x'.repeat(4096) })],
    ['a list of words', command({ argv: Array(16_384).fill('') })],
    ['a time limit', query({ timeoutMs: 2 ** 31 - 1 })],
    ['a secret', hello({ secret: 'x'.repeat(256) })],
    ['a signal', asked('signal', { run: 'r', signal: 'SIGRTMIN+15' })],
    ['a limit', command({ limits: { cpuSeconds: 2_678_400, memoryBytes: 2 ** 47, outputBytes: 2 ** 47 } })],
  ])('takes %s that reaches its bound', (_, header) => {
    expect(parseAgentFrameHeader(header)).toEqual(header);
  });

  it('looks at no parameters of requests that have none', () => {
    for (const method of ['ping', 'apps', 'contexts'])
      expect(parseAgentFrameHeader(asked(method, 'anything'))).toEqual(asked(method, null));
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
    const absent = { name: null, cwd: null, environ: null, stdin: null, output: null, tty: null, limits: null };
    expect(parseAgentFrameHeader(command(absent))).toStrictEqual(command({}));
    const unlimited = { cpuSeconds: null, memoryBytes: null, outputBytes: null };
    expect(parseAgentFrameHeader(command({ limits: unlimited }))).toStrictEqual(command({ limits: {} }));
    expect(parseAgentFrameHeader(query({ context: null }))).toStrictEqual(query({}));
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
