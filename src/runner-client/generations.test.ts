import { expect, it } from 'vitest';
import type { RunId } from '../lib/ids.ts';
import type { RunnerRequest } from '../protocol/agent-frames.ts';
import type { ProcessOptions } from '../protocol/execute-request.ts';
import { needOf } from './generations.ts';

const run = 'r' as RunId;
const query = (context?: string): RunnerRequest => ({
  method: 'execute',
  params: { run, request: { mode: 'query', code: '1', context, timeoutMs: null } },
});
const program = (options: ProcessOptions): RunnerRequest => ({
  method: 'execute',
  params: { run, request: { mode: 'command', argv: ['ls'], ...options, timeoutMs: null } },
});

// @promise runner-generations
it.each<[RunnerRequest, number | undefined]>([
  [query(), undefined],
  [query('main'), undefined],
  [query('second'), 4],
  [{ method: 'execute', params: { run, request: { mode: 'command', argv: ['ls'], timeoutMs: null } } }, undefined],
  [{ method: 'complete', params: { code: 'a', cursor: 1 } }, undefined],
  [{ method: 'complete', params: { code: 'a', cursor: 1, context: 'second' } }, 4],
  [{ method: 'interrupt', params: { run: null } }, undefined],
  [{ method: 'interrupt', params: { run: null, context: 'second' } }, 4],
  [program({}), undefined],
  [program({ name: undefined }), undefined],
  [program({ cwd: '/tmp' }), 4],
  [program({ environ: {} }), 4],
  [program({ stdin: 'closed' }), 4],
  [program({ output: 'newest' }), 4],
  [program({ tty: { columns: 80, rows: 24 }, name: 'a' }), 5],
  [program({ limits: { cpuSeconds: 1 } }), 5],
  [{ method: 'resize', params: { run, columns: 80, rows: 24 } }, 5],
  [{ method: 'signal', params: { run, signal: 'SIGHUP' } }, 4],
  [{ method: 'connect', params: { port: 80 } }, 6],
  [{ method: 'listening-ports', params: null }, 6],
  [{ method: 'contexts', params: null }, 4],
  [{ method: 'create-context', params: { name: 'a', runtime: null, cwd: null } }, 4],
  [{ method: 'remove-context', params: { name: 'a' } }, 4],
  [{ method: 'restart-context', params: { name: 'main' } }, 4],
  [{ method: 'apps', params: null }, 3],
  [{ method: 'list-files', params: { path: '.', from: 0 } }, undefined],
  [{ method: 'stat-file', params: { path: '.', follow: false } }, 6],
  [{ method: 'make-folder', params: { path: 'a' } }, 6],
  [{ method: 'move-file', params: { from: 'a', to: 'b', replace: false } }, 6],
  [{ method: 'remove-file', params: { path: 'a', recursive: true } }, 6],
  [{ method: 'unpack', params: { path: 'a' } }, 6],
  [{ method: 'upload', params: { path: 'a/', mode: null } }, 2],
  [{ method: 'upload', params: { path: 'a', mode: null } }, undefined],
  [{ method: 'download', params: { path: 'a' } }, undefined],
  [{ method: 'watch-folder', params: { path: 'a', recursive: false } }, 6],
  [{ method: 'input', params: { run, text: null } }, 2],
  [{ method: 'input', params: { run, text: 'a' } }, undefined],
])('a runner too old for %j is told from one that can do it', (request, generation) => {
  expect(needOf(request)?.generation).toBe(generation);
});
