/** `/v1/kernels/{id}/files`: files of a kernel, streamed. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type FileEntry, fileTypes } from '../../protocol/kernel-files.ts';
import { kernelParamsSchema, pathField } from '../fields.ts';
import { maxUploadBytes } from '../limits.ts';
import { type ApiApp, type ApiContext, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const uploadQuerySchema = z.strictObject({
  path: pathField,
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'not a file mode in octal, like 644')
    .transform((text) => Number.parseInt(text, 8))
    .optional()
    .openapi({ type: 'string', example: '755' }),
});

const fileQuerySchema = z.strictObject({ path: pathField });

const listFilesQuerySchema = z.strictObject({ path: pathField.default('.') });

const uploadReplySchema = z.strictObject({ bytes: z.number() });

/** A file with its facts. */
export const fileSchema = z
  .strictObject({
    filename: z.string(),
    type: z.enum(fileTypes),
    size: z.number(),
    mode: z.string(),
    permissions: z.string().openapi({ example: '644', description: 'Permission bits in octal.' }),
    ctime: z.number(),
    mtime: z.number(),
    atime: z.number(),
    uid: z.int().nullable(),
    gid: z.int().nullable(),
    target: z.string().nullable().openapi({ description: 'Where a link leads.' }),
  })
  .openapi('File') satisfies z.ZodType<FileEntry>;

/** The entries of a folder, of which the names are whatever the tenant has chosen. */
export const fileListSchema = z
  .strictObject({
    path: z.string(),
    files: z.array(fileSchema).readonly(),
  })
  .openapi('FileList') satisfies z.ZodType<{ readonly files: readonly FileEntry[] }>;

const downloadHeadersSchema = z.strictObject({
  'X-Kernelet-Form': z
    .enum(['file', 'tar'])
    .openapi({ description: 'Whether it is a file or the archive of a folder.' }),
  'X-Kernelet-Mode': z.string().optional().openapi({
    description: 'Permission bits of a file in octal, like 600; absent for a folder, whose archive has them.',
  }),
  'X-Kernelet-Name': z.string().openapi({ description: 'The last part of the path, percent-encoded.' }),
});

const tag = 'files';
const binary = z.any().openapi({ type: 'string', format: 'binary' });

export const fileOperations = {
  uploadFile: {
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
  downloadFile: {
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
  listFiles: {
    method: 'get',
    path: '/v1/kernels/{id}/files',
    tag,
    summary: 'Lists a folder.',
    params: kernelParamsSchema,
    query: listFilesQuerySchema,
    status: 200,
    reply: { 'application/json': fileListSchema },
  },
} as const satisfies Operations;

export function addFileRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, fileOperations, {
    async uploadFile({ params, query, context }) {
      return await agent.upload(params.id, query.path, uploadOf(context, query.path), {
        mode: query.mode ?? null,
        signal: openStream(context).signal,
      });
    },
    async downloadFile({ params, query, context }) {
      const stream = openStream(context);
      const { form, size, name, mode, content } = await agent.download(params.id, query.path, stream.signal);
      const headers = {
        'content-type': form === 'tar' ? 'application/x-tar' : 'application/octet-stream',
        'x-kernelet-form': form,
        ...(mode === null ? {} : { 'x-kernelet-mode': mode.toString(8) }),
        'x-kernelet-name': encodeURIComponent(name.toWellFormed()),
      };
      return stream.reply(content, headers, size);
    },
    listFiles: ({ params, query, context }) => agent.listFiles(params.id, query.path, openStream(context).signal),
  });
}

/** The body of an upload, of a bounded size. Throws TOO_LARGE when more is announced, and fails with it when more comes. */
export function uploadOf(context: ApiContext, path: string): ReadableStream<Uint8Array> {
  if (Number(context.req.header('content-length') ?? 0) > maxUploadBytes) throw tooLarge(path);
  return bounded(context.req.raw.body ?? new Blob([]).stream(), path);
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
    // The client hears of a failure, and may still send: `server.ts` drops that after the reply.
    { preventCancel: true },
  );
}

const tooLarge = (path: string): KerneletError =>
  new KerneletError('TOO_LARGE', `the upload to ${JSON.stringify(path)} is larger than ${maxUploadBytes} bytes`, {
    context: { maxUploadBytes },
  });
