/** `/v1/kernels/{id}/files`: files of a kernel, streamed. */

import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import {
  downloadHeadersSchema,
  fileListSchema,
  fileQuerySchema,
  listFilesQuerySchema,
  uploadQuerySchema,
  uploadReplySchema,
} from '../schema/file.ts';
import { kernelParamsSchema } from '../schema/kernel.ts';
import { maxUploadBytes } from '../schema/limits.ts';
import { openStream } from '../stream-reply.ts';

const tag = 'files';
const binary = z.any().openapi({ type: 'string', format: 'binary' });

/** Adds the endpoints. */
export function addFileRoutes(app: ApiApp, agent: Agent): void {
  addUpload(app, agent);
  addDownload(app, agent);
  endpoint(
    app,
    {
      operation: 'listFiles',
      method: 'get',
      path: '/v1/kernels/{id}/files',
      tag,
      summary: 'Lists a folder.',
      params: kernelParamsSchema,
      query: listFilesQuerySchema,
      status: 200,
      reply: { 'application/json': fileListSchema },
    },
    async ({ params, query, context }) =>
      json(200, await agent.listFiles(params.id, query.path, openStream(context).signal)),
  );
}

function addUpload(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'uploadFile',
      method: 'put',
      path: '/v1/kernels/{id}/files',
      tag,
      summary:
        'Writes a file; parents are made. An upload that is cut off leaves nothing. A path that ends with a slash, without content, makes a folder.',
      params: kernelParamsSchema,
      query: uploadQuerySchema,
      rawBody: 'application/octet-stream',
      status: 200,
      reply: { 'application/json': uploadReplySchema },
    },
    async ({ params, query, context }) => {
      if (Number(context.req.header('content-length') ?? 0) > maxUploadBytes) throw tooLarge(query.path);
      const body: ReadableStream<Uint8Array> = context.req.raw.body ?? new Blob([]).stream();
      const result = await agent.upload(params.id, query.path, bounded(body, query.path), {
        mode: query.mode ?? null,
        signal: openStream(context).signal,
      });
      return json(200, result);
    },
  );
}

function addDownload(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'downloadFile',
      method: 'get',
      path: '/v1/kernels/{id}/files/content',
      tag,
      summary: 'Reads a file; a folder comes as a tar stream. The header X-Kernelet-Form says which: file or tar.',
      params: kernelParamsSchema,
      query: fileQuerySchema,
      status: 200,
      replyHeaders: downloadHeadersSchema,
      reply: { 'application/octet-stream': binary, 'application/x-tar': binary },
    },
    async ({ params, query, context }) => {
      const stream = openStream(context);
      const { form, size, name, content } = await agent.download(params.id, query.path, stream.signal);
      const headers = {
        'content-type': form === 'tar' ? 'application/x-tar' : 'application/octet-stream',
        'x-kernelet-form': form,
        'x-kernelet-name': encodeURIComponent(name.toWellFormed()),
      };
      return stream.reply(content, headers, size);
    },
  );
}

function bounded(body: ReadableStream<Uint8Array>, path: string): ReadableStream<Uint8Array> {
  let size = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.length;
        if (size > maxUploadBytes) controller.error(tooLarge(path));
        else controller.enqueue(chunk);
      },
    }),
    // A failure is told to the client, which may still send: `linger.ts` drops that after the reply.
    { preventCancel: true },
  );
}

const tooLarge = (path: string): KerneletError =>
  new KerneletError('TOO_LARGE', `the upload to ${JSON.stringify(path)} is larger than ${maxUploadBytes} bytes`, {
    context: { maxUploadBytes },
  });
