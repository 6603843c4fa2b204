/** `execute` (spec rpc 8.12): one step of a run. */
import { z } from 'zod';
import { newRunId } from '../../../lib/ids.ts';
import type { StepInput } from '../../operations/executions.ts';
import { anyMap, kernelId, openMap, sessionId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

/** The longest that a timer takes. */
const maxFlushMs = 2 ** 31 - 1;

/** Clients send a blank text for a step that they don't want. */
const wanted = (command: string | null | undefined): string | null => command || null;

const command = z.string().nullable().optional();

const media = z.tuple([z.string(), z.string()]).readonly();

const common = {
  runId: z.string(),
  status: z.enum(['continued', 'clean-finished', 'build-finished', 'finished', 'waiting-input', 'exec-timeout']),
  exitCode: z.int().nullable(),
  options: anyMap.nullable(),
  files: z.array(z.never()).readonly(),
};

const signature = define(
  'execute',
  {
    session_id: sessionId,
    kernel_id: kernelId,
    api_version: z.int(),
    run_id: z.string().nullable(),
    mode: z.enum(['query', 'batch', 'input', 'continue']),
    code: z.string(),
    opts: openMap({ clean: command, build: command, exec: command }).nullable(),
    flush_timeout: z.number().nonnegative().nullable(),
  },
  z.union([
    z.strictObject({
      ...common,
      console: z.array(z.tuple([z.string(), z.union([z.string(), media])]).readonly()).readonly(),
    }),
    z.strictObject({
      ...common,
      stdout: z.string(),
      stderr: z.string(),
      media: z.array(media).readonly(),
      html: z.array(z.string()).readonly(),
    }),
  ]),
);

/** Starts, answers or continues a run, and gives what it said meanwhile. */
export const execute = method({
  signature,
  // The run itself goes on, and the next call has what this one had gathered.
  waitsOnly: true,
  failures: { KERNEL_NOT_FOUND: 'RuntimeError' },
  handle: async ({ kernel_id, api_version, run_id, mode, code, opts, flush_timeout }, { services, signal }) => {
    const input = ((): StepInput => {
      switch (mode) {
        case 'query':
          return { kind: 'begin', request: { mode, code, timeoutMs: null } };
        case 'batch': {
          const { clean, build, exec } = opts ?? {};
          const steps = { clean: wanted(clean), build: wanted(build), exec: wanted(exec) };
          return { kind: 'begin', request: { mode, ...steps, timeoutMs: null } };
        }
        case 'input':
          return { kind: 'answer', text: code };
        case 'continue':
          return { kind: mode };
      }
    })();
    const step = {
      kernel: kernel_id,
      run: run_id ?? newRunId(),
      input,
      apiVersion: api_version,
      flushMs: flush_timeout === null ? null : Math.min(Math.ceil(flush_timeout * 1000), maxFlushMs),
    };
    return await services.executions.step(step, signal);
  },
});
