/** `/v1/kernels/{id}/runs`: executions, their events and what is sent to them. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { newRunId, parseRunId, type RunId } from '../../lib/ids.ts';
import { displayRoles } from '../../protocol/display.ts';
import type { EventDocument } from '../../protocol/event-document.ts';
import { endReasons, type NumberedRunEvent, type RunSummary, runPhases } from '../../protocol/run-event.ts';
import { encodeErrorFrame, encodeKeepAliveFrame, encodeRunFrame, framesMediaType } from '../../protocol/run-frames.ts';
import { leastMemoryBytes, maxCpuSeconds, maxLimitBytes } from '../../protocol/run-limits.ts';
import {
  encodeRunEvent,
  eventStream,
  eventStreamHeaders,
  resumeAfter,
  type StreamFormat,
  serverSentEvents,
} from '../event-stream.ts';
import {
  argumentsField,
  boundedText,
  codeField,
  contextField,
  doneSchema,
  durationField,
  environField,
  eventNumberField,
  flagField,
  kernelIdField,
  kernelParamsSchema,
  pathField,
  runIdField,
  runNameField,
  terminalSizeSchema,
} from '../fields.ts';
import { maxInputBytes, runSignals } from '../limits.ts';
import { type ApiApp, addOperations, type Document, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const timeoutMs = durationField
  .nullable()
  .default(null)
  .openapi({ description: 'The program is killed after this long; null = no limit.' });
const contextOfCode = contextField.optional().openapi({ description: 'The context that runs it; `main` when absent.' });
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

const executeRequestSchema = z
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

const executeBodySchema = z.strictObject({ run: runIdField.optional(), request: executeRequestSchema });

const executeReplySchema = z
  .strictObject({
    run: z.string(),
    existing: z.boolean().openapi({ description: 'The same request was already there: nothing was started.' }),
  })
  .openapi('ExecuteReply');

const runParamsSchema = z.strictObject({
  id: kernelIdField,
  run: runIdField.openapi({ description: 'Its id, the beginning of it, or its name.' }),
});

/** Query of event streams; the header `Last-Event-ID` counts more. */
const afterQuerySchema = z.strictObject({
  after: eventNumberField.optional().openapi({ description: 'Only events with a higher number.' }),
});

const stdinQuerySchema = z.strictObject({
  eof: flagField.openapi({ description: 'Standard input ends after this body.' }),
});

const stdinReplySchema = z.strictObject({
  open: z.boolean().openapi({ description: 'Whether the program still reads.' }),
});

const inputBodySchema = z.strictObject({
  text: boundedText(maxInputBytes, 'an answer').nullable().openapi({ description: 'null = the input has ended.' }),
});

const cancelBodySchema = z.strictObject({
  signal: z.enum(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGKILL', 'SIGPIPE']).default('SIGKILL'),
});

const signalBodySchema = z.strictObject({ signal: z.enum(runSignals) });

const signalReplySchema = z.strictObject({
  delivered: z.boolean().openapi({ description: 'Whether there was a process.' }),
});

const resizeReplySchema = z.strictObject({
  resized: z.boolean().openapi({ description: 'Whether the run has a terminal.' }),
});

/** Reply of `POST …/interrupt`. */
export const interruptReplySchema = z.strictObject({ interrupted: z.boolean() });

const completeBodySchema = z.strictObject({
  code: codeField,
  cursor: z.int().min(0).openapi({ description: 'In characters (UTF-16 units) from the start of the code.' }),
  context: contextOfCode,
});

const completeReplySchema = z.strictObject({ matches: z.array(z.string()).readonly() });

/** What a run is and where it stands: the numbers of its latest event and of the oldest one that is still kept. */
export const runSummarySchema = z
  .strictObject({
    run: z.string(),
    phase: z.enum(runPhases),
    last: z.int(),
    oldest: z.int(),
    exitCode: z.int().nullable(),
    reason: z.enum(endReasons).nullable(),
    mode: z
      .enum(['query', 'batch', 'program', 'command'])
      .nullable()
      .openapi({ description: 'null: the runner of the kernel is of a version that does not say.' }),
    context: z.string().nullable().openapi({ description: 'In whose order a query or batch run runs.' }),
    name: z.string().nullable(),
    command: z.string().nullable().openapi({ description: 'What a program or command runs, cut to 200 characters.' }),
    output: z.enum(['wait', 'newest']),
    tty: z.boolean().openapi({ description: 'Whether it runs on a terminal.' }),
    pid: z.int().nullable().openapi({ description: 'The process of a program or command, as the kernel sees it.' }),
    startedAt: z.number().nullable().openapi({ description: 'In milliseconds since the epoch.' }),
    usage: z
      .strictObject({
        cpuMs: z.int().openapi({ description: 'CPU time of it and of all that it waited for, in steps of 10 ms.' }),
        peakBytes: z
          .int()
          .nullable()
          .openapi({ description: 'The most memory of its process by the last look at it; null: it ended before.' }),
      })
      .nullable()
      .openapi({ description: 'What a program or command that has ended has used.' }),
  })
  .openapi('RunSummary') satisfies z.ZodType<Document<RunSummary>>;

const exitCode = z.int();

const formSchema = z
  .union([
    z.strictObject({ type: z.string(), text: z.string() }),
    z.strictObject({ type: z.string(), base64: z.string() }),
  ])
  .openapi('DisplayedForm', { description: 'A form of a value: a picture is in base64, what is text is text.' });
const runListSchema = z.strictObject({ runs: z.array(runSummarySchema).readonly() }).openapi('RunList');

/** The `data` of a server-sent event of a run; its `id` is `n`. */
export const runEventSchema = z
  .strictObject({
    n: z.int().min(1),
    event: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('queued'), behind: z.string() }),
      z.strictObject({ kind: z.literal('started') }),
      z.strictObject({
        kind: z.literal('dropped'),
        upTo: z.int().openapi({
          description:
            'So many bytes of output from the beginning on are not kept any more; what follows comes behind them.',
        }),
      }),
      z.strictObject({ kind: z.literal('stdout') }),
      z.strictObject({ kind: z.literal('stderr') }),
      z.strictObject({
        kind: z.literal('display'),
        role: z.enum(displayRoles).openapi({ description: '`result`: the value of the code that was run.' }),
        forms: z.array(formSchema).readonly(),
        omitted: z
          .array(z.strictObject({ type: z.string(), bytes: z.int() }))
          .readonly()
          .openapi({ description: 'Forms that were too large.' }),
      }),
      z.strictObject({
        kind: z.literal('error'),
        name: z.string().openapi({ example: 'ZeroDivisionError' }),
        message: z.string().openapi({ example: 'division by zero' }),
        traceback: z.string().openapi({ description: 'Empty when the program has told of the error in its own way.' }),
      }),
      z.strictObject({ kind: z.literal('waiting-input'), prompt: z.string(), password: z.boolean() }),
      z.strictObject({ kind: z.literal('clean-finished'), exitCode }),
      z.strictObject({ kind: z.literal('build-finished'), exitCode }),
      z.strictObject({ kind: z.literal('finished'), exitCode, reason: z.enum(endReasons) }),
    ]),
    body: z.string().optional().openapi({ description: 'The bytes of output in base64.' }),
  })
  .openapi('RunEvent') satisfies z.ZodType<{ readonly event: Document<EventDocument> }>;

/** The events of a run as frames. */
const framesSchema = z.any().openapi({
  type: 'string',
  format: 'binary',
  description:
    'The same events with their bytes as they are. Each is a frame: its length as 32 bits, big-endian; the length of its head likewise; the head, in JSON: `{"n", "event"}`; and the bytes: of output, of a traceback, or of the forms of a value, one behind the other, each of which has in the head its `type` and how many `bytes` are its. A head `{"error"}` ends the stream, a head `{}` means nothing.',
});

const tag = 'runs';
const path = '/v1/kernels/{id}/runs/{run}';
const doneReply = { 'application/json': doneSchema } as const;

export const runOperations = {
  execute: {
    method: 'post',
    path: '/v1/kernels/{id}/runs',
    tag,
    summary:
      'Starts a run and answers at once. The same id with the same contents is not run twice. Queries wait for those before them in their context, and batch runs for those of `main`, which an event `queued` says; programs and commands begin at once, 64 beside each other at most.',
    params: kernelParamsSchema,
    body: executeBodySchema,
    status: 202,
    reply: { 'application/json': executeReplySchema },
  },
  listRuns: {
    method: 'get',
    path: '/v1/kernels/{id}/runs',
    tag,
    summary: 'The runs that wait or run, and those that ended a short while ago, oldest first.',
    params: kernelParamsSchema,
    status: 200,
    reply: { 'application/json': runListSchema },
  },
  followRun: {
    method: 'get',
    path: `${path}/events`,
    tag,
    summary:
      'The events of a run up to its end. After a lost connection, go on with `Last-Event-ID`. One reader at a time, or any number of a run whose output is `newest`.',
    params: runParamsSchema,
    query: afterQuerySchema,
    resumable: true,
    status: 200,
    reply: { 'text/event-stream': runEventSchema, [framesMediaType]: framesSchema },
  },
  answerInput: {
    method: 'post',
    path: `${path}/input`,
    tag,
    summary: 'Answers a program that waits for a line of input, or tells it that the input has ended.',
    params: runParamsSchema,
    body: inputBodySchema,
    status: 200,
    reply: doneReply,
  },
  interruptRun: {
    method: 'post',
    path: `${path}/interrupt`,
    tag,
    summary: 'Interrupts the run, like Ctrl-C.',
    params: runParamsSchema,
    status: 200,
    reply: { 'application/json': interruptReplySchema },
  },
  cancelRun: {
    method: 'post',
    path: `${path}/cancel`,
    tag,
    summary: 'Takes a run that waits out of its queue, or ends a running one by a signal.',
    params: runParamsSchema,
    body: cancelBodySchema,
    status: 200,
    reply: doneReply,
  },
  signalRun: {
    method: 'post',
    path: `${path}/signal`,
    tag,
    summary: 'Sends a signal to the process group of the run, and nothing more.',
    params: runParamsSchema,
    body: signalBodySchema,
    status: 200,
    reply: { 'application/json': signalReplySchema },
  },
  resizeRun: {
    method: 'post',
    path: `${path}/resize`,
    tag,
    summary:
      "Gives the terminal of the run another size, of which its program is told. Of several viewers' the last one counts.",
    params: runParamsSchema,
    body: terminalSizeSchema,
    status: 200,
    reply: { 'application/json': resizeReplySchema },
  },
  complete: {
    method: 'post',
    path: '/v1/kernels/{id}/complete',
    tag,
    summary: 'What could stand at the cursor.',
    params: kernelParamsSchema,
    body: completeBodySchema,
    status: 200,
    reply: { 'application/json': completeReplySchema },
  },
  writeStdin: {
    method: 'post',
    path: `${path}/stdin`,
    tag,
    summary: 'Sends the body to the standard input of the program; answers when the pipe has taken it.',
    params: runParamsSchema,
    query: stdinQuerySchema,
    rawBody: 'application/octet-stream',
    status: 200,
    reply: { 'application/json': stdinReplySchema },
  },
} as const satisfies Operations;

/** For clients that prefer bytes to text, as the command line does. */
const frames: StreamFormat<NumberedRunEvent> = {
  headers: { ...eventStreamHeaders, 'content-type': framesMediaType },
  silence: encodeKeepAliveFrame(),
  item: encodeRunFrame,
  error: encodeErrorFrame,
};
/** The most bytes of standard input that go to the runner in one piece. */
const stdinPieceBytes = 256 * 1024;

export function addRunRoutes(app: ApiApp, agent: Agent): void {
  const runOf = ({ id, run }: z.output<typeof runParamsSchema>, signal: AbortSignal): Promise<RunId> =>
    agent.runNamed(id, parseRunId(run), signal);
  addOperations(app, runOperations, {
    async execute({ params, body, context }) {
      const run = body.run === undefined ? newRunId() : parseRunId(body.run);
      const { existing } = await agent.execute(params.id, run, body.request, openStream(context).signal);
      return { run, existing };
    },
    listRuns: async ({ params }) => ({ runs: await agent.listRuns(params.id) }),
    async followRun({ params, query, context }) {
      const stream = openStream(context);
      const after = resumeAfter(context, query.after);
      const format = context.req.header('accept')?.includes(framesMediaType)
        ? frames
        : serverSentEvents(encodeRunEvent);
      const run = await runOf(params, stream.signal);
      return eventStream(stream, agent.events(params.id, run, after, stream.signal), format);
    },
    async answerInput({ params, body, context }) {
      const { signal } = openStream(context);
      await agent.input(params.id, await runOf(params, signal), body.text, signal);
      return {};
    },
    async interruptRun({ params, context }) {
      const { signal } = openStream(context);
      return await agent.interrupt(params.id, await runOf(params, signal), signal);
    },
    async cancelRun({ params, body, context }) {
      const { signal } = openStream(context);
      await agent.cancel(params.id, await runOf(params, signal), body.signal, signal);
      return {};
    },
    async signalRun({ params, body, context }) {
      const { signal } = openStream(context);
      return await agent.signal(params.id, await runOf(params, signal), body.signal, signal);
    },
    async resizeRun({ params, body, context }) {
      const { signal } = openStream(context);
      return await agent.resize(params.id, await runOf(params, signal), body, signal);
    },
    async complete({ params, body, context }) {
      const { code, cursor } = body;
      return { matches: await agent.complete(params.id, code, cursor, openStream(context).signal, body.context) };
    },
    async writeStdin({ params, query, context }) {
      const { signal } = openStream(context);
      const run = await runOf(params, signal);
      let state = { open: true };
      // The rest of what nobody reads any more is dropped after the reply (`server.ts`).
      for await (const chunk of context.req.raw.body?.values({ preventCancel: true }) ?? []) {
        for (let start = 0; start < chunk.length && state.open; start += stdinPieceBytes) {
          state = await agent.stdin(params.id, run, chunk.subarray(start, start + stdinPieceBytes), false, signal);
        }
        if (!state.open) break;
      }
      if (query.eof && state.open) state = await agent.stdin(params.id, run, new Uint8Array(), true, signal);
      return state;
    },
  });
}
