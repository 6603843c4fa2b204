/** What is to be executed in a kernel, as the API takes it. */
import { z } from '@hono/zod-openapi';
import { leastMemoryBytes, maxCpuSeconds, maxLimitBytes } from '../protocol/run-limits.ts';
import {
  argumentsField,
  codeField,
  contextField,
  durationField,
  environField,
  pathField,
  runNameField,
  terminalSizeSchema,
} from './fields.ts';

const timeoutMs = durationField
  .nullable()
  .default(null)
  .openapi({ description: 'The program is killed after this long; null = no limit.' });
/** Of queries, and of code that is to be completed. */
export const contextOfCode = contextField
  .optional()
  .openapi({ description: 'The context that runs it; `main` when absent.' });
const shellCommand = codeField.nullable().default(null);

const sourceSchema = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('code'), code: codeField }),
  z.strictObject({ from: z.literal('file'), path: pathField }),
  z.strictObject({ from: z.literal('stdin') }),
]);

/** What programs and commands may have beside what they run. */
const processOptions = {
  name: runNameField.optional(),
  cwd: pathField
    .optional()
    .openapi({ description: 'The folder in which it runs, from the home on; the home when absent.' }),
  environ: environField.optional().openapi({ description: "Added to the kernel's variables." }),
  stdin: z
    .enum(['stream', 'closed'])
    .optional()
    .openapi({ description: '`closed`: its standard input is empty. `stream` when absent: it is sent.' }),
  output: z.enum(['wait', 'newest']).optional().openapi({
    description:
      '`wait`, when absent: it stands still while much output is unread, and has one reader. `newest`: it never waits, any number of readers begin where they like, and about the newest MiB is kept.',
  }),
  limits: z
    .strictObject({
      cpuSeconds: z.int().min(1).max(maxCpuSeconds).optional().openapi({
        description: 'Of CPU time of each of its processes; the run then ends with reason `cpu-limit`.',
      }),
      memoryBytes: z.int().min(leastMemoryBytes).max(maxLimitBytes).optional().openapi({
        description: 'Of address space of each of its processes: what is more, they are refused.',
      }),
      outputBytes: z.int().min(0).max(maxLimitBytes).optional().openapi({
        description:
          'On all its streams together; what is more is dropped, and the run ends with reason `output-limit`.',
      }),
    })
    .optional()
    .openapi({ description: "What the program itself may take, beside the kernel's limits." }),
  tty: terminalSizeSchema.optional().openapi({
    description:
      'Its standard streams are a terminal that begins with this size: what it shows comes as `stdout`, what is typed is sent to `stdin`, and output is `newest`. The variable `TERM` says what shows it, `xterm-256color` when absent.',
  }),
};

/** A query, a batch, a program or a command. */
export const executeRequestSchema = z
  .discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('query'), code: codeField, context: contextOfCode, timeoutMs }),
    z.strictObject({
      mode: z.literal('batch'),
      clean: shellCommand,
      build: shellCommand,
      exec: shellCommand,
      timeoutMs,
    }),
    z.strictObject({
      mode: z.literal('program'),
      source: sourceSchema,
      args: argumentsField.default([]),
      ...processOptions,
      timeoutMs,
    }),
    z.strictObject({
      mode: z.literal('command'),
      argv: argumentsField.refine((argv) => argv.length > 0, 'a command needs at least its name'),
      ...processOptions,
      timeoutMs,
    }),
  ])
  .openapi('ExecuteRequest');
