/** Executions: requests, summaries, and the events of a run. */
import { z } from '@hono/zod-openapi';
import { endReasons, runPhases } from '../../protocol/run-event.ts';
import {
  argumentsField,
  boundedText,
  codeField,
  durationField,
  eventNumberField,
  flagField,
  kernelIdField,
  pathField,
  runIdField,
} from './fields.ts';
import { maxInputBytes } from './limits.ts';

const timeoutMs = durationField
  .nullable()
  .default(null)
  .openapi({ description: 'The program is killed after this long; null = no limit.' });
const shellCommand = codeField.nullable().default(null);

const sourceSchema = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('code'), code: codeField }),
  z.strictObject({ from: z.literal('file'), path: pathField }),
  z.strictObject({ from: z.literal('stdin') }),
]);

/** What is to be executed. */
export const executeRequestSchema = z
  .discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('query'), code: codeField, timeoutMs }),
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
      timeoutMs,
    }),
    z.strictObject({
      mode: z.literal('command'),
      argv: argumentsField.refine((argv) => argv.length > 0, 'a command needs at least its name'),
      timeoutMs,
    }),
  ])
  .openapi('ExecuteRequest');

/** Body of `POST /v1/kernels/{id}/runs`. */
export const executeBodySchema = z.strictObject({ run: runIdField.optional(), request: executeRequestSchema });

/** Reply of `POST /v1/kernels/{id}/runs`. */
export const executeReplySchema = z
  .strictObject({
    run: z.string(),
    existing: z.boolean().openapi({ description: 'The same request was already there: nothing was started.' }),
  })
  .openapi('ExecuteReply');

/** Parameters of everything about one run. */
export const runParamsSchema = z.strictObject({ id: kernelIdField, run: runIdField });

/** Query of event streams; the header `Last-Event-ID` counts more. */
export const afterQuerySchema = z.strictObject({
  after: eventNumberField.optional().openapi({ description: 'Only events with a higher number.' }),
});

/** Query of `POST …/stdin`. */
export const stdinQuerySchema = z.strictObject({
  eof: flagField.openapi({ description: 'Standard input ends after this body.' }),
});

/** Reply of `POST …/stdin`. */
export const stdinReplySchema = z.strictObject({
  open: z.boolean().openapi({ description: 'Whether the program still reads.' }),
});

/** Body of `POST …/input`. */
export const inputBodySchema = z.strictObject({
  text: boundedText(maxInputBytes, 'an answer').nullable().openapi({ description: 'null = the input has ended.' }),
});

/** Body of `POST …/cancel`. */
export const cancelBodySchema = z.strictObject({
  signal: z.enum(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGKILL', 'SIGPIPE']).default('SIGKILL'),
});

/** Reply of `POST …/interrupt`. */
export const interruptReplySchema = z.strictObject({ interrupted: z.boolean() });

/** Body of `POST /v1/kernels/{id}/complete`. */
export const completeBodySchema = z.strictObject({
  code: codeField,
  cursor: z.int().min(0).openapi({ description: 'In characters (UTF-16 units) from the start of the code.' }),
});

/** Reply of `POST /v1/kernels/{id}/complete`. */
export const completeReplySchema = z.strictObject({ matches: z.array(z.string()).readonly() });

/** Where a run stands. */
export const runSummarySchema = z
  .strictObject({
    run: z.string(),
    phase: z.enum(runPhases),
    last: z.int(),
    oldest: z.int(),
    exitCode: z.int().nullable(),
    reason: z.enum(endReasons).nullable(),
  })
  .openapi('RunSummary');

const exitCode = z.int();

/** The `data` of a server-sent event of a run; its `id` is `n`. */
export const runEventSchema = z
  .strictObject({
    n: z.int().min(1),
    event: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('started') }),
      z.strictObject({ kind: z.literal('stdout') }),
      z.strictObject({ kind: z.literal('stderr') }),
      z.strictObject({ kind: z.literal('media'), type: z.string() }),
      z.strictObject({ kind: z.literal('html') }),
      z.strictObject({ kind: z.literal('waiting-input'), prompt: z.string(), password: z.boolean() }),
      z.strictObject({ kind: z.literal('clean-finished'), exitCode }),
      z.strictObject({ kind: z.literal('build-finished'), exitCode }),
      z.strictObject({ kind: z.literal('finished'), exitCode, reason: z.enum(endReasons) }),
    ]),
    body: z.string().optional().openapi({ description: 'The bytes of the event in base64, when it has any.' }),
  })
  .openapi('RunEvent');

/** The events of a run as frames. */
export const framesSchema = z.any().openapi({
  type: 'string',
  format: 'binary',
  description:
    'The same events with their bytes as they are. Each is a frame: its length as 32 bits, big-endian; the length of its head likewise; the head, in JSON: `{"n", "event"}`; and the bytes. A head `{"error"}` ends the stream, a head `{}` means nothing.',
});
