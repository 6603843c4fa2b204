/** `/v1/kernels/{id}/runs`: executions, their events and what is sent to them. */
import type { Agent } from '../../agent/agent.ts';
import { KerneletError } from '../../lib/errors.ts';
import { newRunId, parseRunId } from '../../lib/ids.ts';
import type { NumberedRunEvent } from '../../protocol/run-event.ts';
import { encodeErrorFrame, encodeRunFrame, framesMediaType, silentFrame } from '../../protocol/run-frames.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { eventStream, type StreamFormat } from '../event-stream.ts';
import { doneSchema } from '../schema/fields.ts';
import { kernelParamsSchema } from '../schema/kernel.ts';
import {
  afterQuerySchema,
  cancelBodySchema,
  completeBodySchema,
  completeReplySchema,
  executeBodySchema,
  executeReplySchema,
  framesSchema,
  inputBodySchema,
  interruptReplySchema,
  runEventSchema,
  runParamsSchema,
} from '../schema/run.ts';
import { encodeRunEvent, eventStreamHeaders, serverSentEvents } from '../sse.ts';
import { openStream } from '../stream-reply.ts';

const tag = 'runs';
const path = '/v1/kernels/{id}/runs/{run}';
/** For clients that prefer bytes to text, as the command line does. */
const frames: StreamFormat<NumberedRunEvent> = {
  headers: { ...eventStreamHeaders, 'content-type': framesMediaType },
  silence: silentFrame,
  item: encodeRunFrame,
  error: encodeErrorFrame,
};
const doneReply = { 'application/json': doneSchema };

/** Adds the endpoints. */
export function addRunRoutes(app: ApiApp, agent: Agent): void {
  addExecute(app, agent);
  addEvents(app, agent);
  addSteering(app, agent);
  endpoint(
    app,
    {
      operation: 'complete',
      method: 'post',
      path: '/v1/kernels/{id}/complete',
      tag,
      summary: 'What could stand at the cursor.',
      params: kernelParamsSchema,
      body: completeBodySchema,
      status: 200,
      reply: { 'application/json': completeReplySchema },
    },
    async ({ params, body, context }) => {
      const { signal } = openStream(context);
      return json(200, { matches: await agent.complete(params.id, body.code, body.cursor, signal) });
    },
  );
}

function addExecute(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'execute',
      method: 'post',
      path: '/v1/kernels/{id}/runs',
      tag,
      summary: 'Starts a run and answers at once. The same id with the same contents is not run twice.',
      params: kernelParamsSchema,
      body: executeBodySchema,
      status: 202,
      reply: { 'application/json': executeReplySchema },
    },
    async ({ params, body, context }) => {
      const run = body.run === undefined ? newRunId() : parseRunId(body.run);
      const { existing } = await agent.execute(params.id, run, body.request, openStream(context).signal);
      return json(202, { run, existing });
    },
  );
}

function addEvents(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'followRun',
      method: 'get',
      path: `${path}/events`,
      tag,
      summary:
        'The events of a run up to its end. After a lost connection, go on with `Last-Event-ID`. One reader at a time.',
      params: runParamsSchema,
      query: afterQuerySchema,
      resumable: true,
      status: 200,
      reply: { 'text/event-stream': runEventSchema, [framesMediaType]: framesSchema },
    },
    async ({ params, query, context }) => {
      const stream = openStream(context);
      const after = resumeAfter(context, query.after);
      const format = context.req.header('accept')?.includes(framesMediaType)
        ? frames
        : serverSentEvents(encodeRunEvent);
      return eventStream(stream, agent.events(params.id, parseRunId(params.run), after, stream.signal), format);
    },
  );
}

function addSteering(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'answerInput',
      method: 'post',
      path: `${path}/input`,
      tag,
      summary: 'Answers a program that waits for a line of input, or tells it that the input has ended.',
      params: runParamsSchema,
      body: inputBodySchema,
      status: 200,
      reply: doneReply,
    },
    async ({ params, body, context }) => {
      await agent.input(params.id, parseRunId(params.run), body.text, openStream(context).signal);
      return json(200, {});
    },
  );
  endpoint(
    app,
    {
      operation: 'interruptRun',
      method: 'post',
      path: `${path}/interrupt`,
      tag,
      summary: 'Interrupts the run, like Ctrl-C.',
      params: runParamsSchema,
      status: 200,
      reply: { 'application/json': interruptReplySchema },
    },
    async ({ params, context }) =>
      json(200, await agent.interrupt(params.id, parseRunId(params.run), openStream(context).signal)),
  );
  endpoint(
    app,
    {
      operation: 'cancelRun',
      method: 'post',
      path: `${path}/cancel`,
      tag,
      summary: 'Takes a queued run off the queue, or ends a running one by a signal.',
      params: runParamsSchema,
      body: cancelBodySchema,
      status: 200,
      reply: doneReply,
    },
    async ({ params, body, context }) => {
      await agent.cancel(params.id, parseRunId(params.run), body.signal, openStream(context).signal);
      return json(200, {});
    },
  );
}

/** Where a reader goes on: the header of a resumed stream, else the query, else from the start. */
export function resumeAfter(context: ApiContext, after: number | undefined): number {
  const header = context.req.header('last-event-id');
  if (header === undefined || header === '') return after ?? 0;
  if (!/^[0-9]{1,15}$/.test(header)) {
    throw new KerneletError('INVALID_ARGUMENT', 'header Last-Event-ID: not the number of an event');
  }
  return Number(header);
}
