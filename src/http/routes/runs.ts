/** `/v1/kernels/{id}/runs`: executions, their events and what is sent to them. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { newRunId, parseRunId, type RunId } from '../../lib/ids.ts';
import { endReasons, type NumberedRunEvent, type RunSummary, runPhases } from '../../protocol/run-event.ts';
import { encodeErrorFrame, encodeKeepAliveFrame, encodeRunFrame, framesMediaType } from '../../protocol/run-frames.ts';
import {
  encodeRunEvent,
  eventStream,
  eventStreamHeaders,
  resumeAfter,
  type StreamFormat,
  serverSentEvents,
} from '../event-stream.ts';
import {
  boundedText,
  codeField,
  doneSchema,
  eventNumberField,
  flagField,
  kernelIdField,
  kernelParamsSchema,
  runIdField,
  terminalSizeSchema,
} from '../fields.ts';
import { maxInputBytes, runSignals } from '../limits.ts';
import { type ApiApp, addOperations, type Document, type Operations } from '../operation.ts';
import { framesSchema, runEventSchema } from '../run-event-schema.ts';
import { contextOfCode, executeRequestSchema } from '../run-request.ts';
import { openStream } from '../stream-reply.ts';

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

const runListSchema = z.strictObject({ runs: z.array(runSummarySchema).readonly() }).openapi('RunList');

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
