import { z } from 'zod';
import { define } from './define.ts';
import { anyMap, kernelId, openMap, sessionId } from './fields.ts';

const command = z.string().nullable().optional();
const media = z.tuple([z.string(), z.string()]).readonly();
const common = {
  runId: z.string(),
  status: z.enum(['continued', 'clean-finished', 'build-finished', 'finished', 'waiting-input', 'exec-timeout']),
  exitCode: z.int().nullable(),
  options: anyMap.nullable(),
  files: z.array(z.never()).readonly(),
};

/** `execute`: one step of a run (spec rpc 8.12). */
export const execute = define(
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
