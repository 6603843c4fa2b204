/** `execute` (spec rpc 8.12): one step of a run. */

import { newRunId } from '../../../lib/ids.ts';
import type { StepInput } from '../../operations/executions.ts';
import { method } from '../rpc-method.ts';
import { execute as signature } from '../schema/execute.ts';

/** The longest that a timer takes. */
const maxFlushMs = 2 ** 31 - 1;

/** Clients send a blank text for a step that they don't want. */
const wanted = (command: string | null | undefined): string | null => command || null;

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
