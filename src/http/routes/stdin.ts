/** `POST /v1/kernels/{id}/runs/{run}/stdin`: bytes for a program's standard input. */
import type { Agent } from '../../agent/agent.ts';
import { parseRunId } from '../../lib/ids.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { runParamsSchema, stdinQuerySchema, stdinReplySchema } from '../schema/run.ts';
import { openStream } from '../stream-reply.ts';

/** The most bytes that go to the runner in one piece. */
const pieceBytes = 256 * 1024;

/** Adds the endpoint. */
export function addStdinRoute(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'writeStdin',
      method: 'post',
      path: '/v1/kernels/{id}/runs/{run}/stdin',
      tag: 'runs',
      summary: 'Sends the body to the standard input of the program; answers when the pipe has taken it.',
      params: runParamsSchema,
      query: stdinQuerySchema,
      rawBody: 'application/octet-stream',
      status: 200,
      reply: { 'application/json': stdinReplySchema },
    },
    async ({ params, query, context }) => {
      const { signal } = openStream(context);
      const run = parseRunId(params.run);
      let state = { open: true };
      // The rest of what nobody reads any more is dropped after the reply (`linger.ts`).
      for await (const chunk of context.req.raw.body?.values({ preventCancel: true }) ?? []) {
        for (let start = 0; start < chunk.length && state.open; start += pieceBytes) {
          state = await agent.stdin(params.id, run, chunk.subarray(start, start + pieceBytes), false, signal);
        }
        if (!state.open) break;
      }
      if (query.eof && state.open) state = await agent.stdin(params.id, run, new Uint8Array(), true, signal);
      return json(200, state);
    },
  );
}
