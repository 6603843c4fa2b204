/** `/v1/kernels/{id}/files`: what is done with files of a kernel beside carrying them. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { type FileChange, fileTypes, type UnpackedArchive } from '../../protocol/kernel-files.ts';
import { encodeEvent, eventStream, serverSentEvents } from '../event-stream.ts';
import { doneSchema, flagField, kernelParamsSchema, pathField } from '../fields.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';
import { fileSchema, uploadOf } from './files.ts';

/** A path and what is there. */
export const fileFactsSchema = z
  .strictObject({ path: z.string().openapi({ description: 'Absolute, in the kernel.' }), file: fileSchema })
  .openapi('FileFacts');

const moveSchema = z
  .strictObject({
    from: pathField,
    to: pathField.openapi({ description: 'The new path itself; what it lies in has to be there.' }),
    replace: z.boolean().default(false).openapi({ description: 'Whether a file that is there may be replaced.' }),
  })
  .openapi('FileMove');

const unpackedSchema = z
  .strictObject({
    bytes: z.int(),
    files: z.int(),
    skipped: z.array(z.strictObject({ name: z.string(), reason: z.string() })).readonly(),
    skippedCount: z.int(),
  })
  .openapi('UnpackedArchive') satisfies z.ZodType<UnpackedArchive>;

/** What happens in a folder that is watched. */
export const fileChangeSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('watching'), path: z.string() }),
    ...(['created', 'written', 'attributes', 'removed'] as const).map((type) =>
      z.strictObject({ type: z.literal(type), path: z.string(), file: z.enum(fileTypes) }),
    ),
    z.strictObject({ type: z.literal('lost'), reason: z.string() }),
  ])
  .openapi('FileChange') satisfies z.ZodType<FileChange>;

const tag = 'files';
const files = '/v1/kernels/{id}/files';

export const fileWorkOperations = {
  statFile: {
    method: 'get',
    path: `${files}/stat`,
    tag,
    summary: 'What is at a path. A link is told of itself; with `follow`, of what it leads to.',
    params: kernelParamsSchema,
    query: z.strictObject({ path: pathField, follow: flagField }),
    status: 200,
    reply: { 'application/json': fileFactsSchema },
  },
  makeFolder: {
    method: 'post',
    path: `${files}/folder`,
    tag,
    summary: 'Makes a folder with its parents, and says whether it was missing.',
    params: kernelParamsSchema,
    body: z.strictObject({ path: pathField }),
    status: 200,
    reply: { 'application/json': z.strictObject({ created: z.boolean() }) },
  },
  moveFile: {
    method: 'post',
    path: `${files}/move`,
    tag,
    summary: 'Moves or renames a file or folder. FILE_EXISTS where something is in the way.',
    params: kernelParamsSchema,
    body: moveSchema,
    status: 200,
    reply: { 'application/json': doneSchema },
  },
  removeFile: {
    method: 'delete',
    path: files,
    tag,
    summary:
      'Removes a file or an empty folder; with `recursive` a folder with all that is in it. FILE_ERROR at a volume below it, which stays.',
    params: kernelParamsSchema,
    query: z.strictObject({ path: pathField, recursive: flagField }),
    status: 200,
    reply: { 'application/json': z.strictObject({ removed: z.int() }) },
  },
  unpackArchive: {
    method: 'put',
    path: `${files}/archive`,
    tag,
    summary:
      'Unpacks a tar archive into a folder, made with its parents. Modes are those of the archive. One that is cut off or does not fit changes nothing.',
    params: kernelParamsSchema,
    query: z.strictObject({ path: pathField.default('.') }),
    rawBody: 'application/x-tar',
    status: 200,
    reply: { 'application/json': unpackedSchema },
  },
  watchFolder: {
    method: 'get',
    path: `${files}/watch`,
    tag,
    summary:
      'What happens in a folder, from the event `watching` until it is gone; with `recursive` also below. After `lost` look again.',
    params: kernelParamsSchema,
    query: z.strictObject({ path: pathField.default('.'), recursive: flagField }),
    status: 200,
    reply: { 'text/event-stream': fileChangeSchema },
  },
} as const satisfies Operations;

export function addFileWorkRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, fileWorkOperations, {
    async statFile({ params, query: { path, follow }, context }) {
      const work = await agent.fileWork(params.id);
      return await work.stat(path, follow, openStream(context).signal);
    },
    async makeFolder({ params, body, context }) {
      const work = await agent.fileWork(params.id);
      return await work.makeFolder(body.path, openStream(context).signal);
    },
    async moveFile({ params, body: { from, to, replace }, context }) {
      const work = await agent.fileWork(params.id);
      await work.move(from, to, replace, openStream(context).signal);
      return {};
    },
    async removeFile({ params, query: { path, recursive }, context }) {
      const work = await agent.fileWork(params.id);
      return await work.remove(path, recursive, openStream(context).signal);
    },
    async unpackArchive({ params, query: { path }, context }) {
      const work = await agent.fileWork(params.id);
      return await work.unpack(path, uploadOf(context, path), openStream(context).signal);
    },
    async watchFolder({ params, query: { path, recursive }, context }) {
      const stream = openStream(context);
      const work = await agent.fileWork(params.id);
      const changes = await work.watch(path, { recursive, signal: stream.signal });
      return await eventStream(
        stream,
        changes,
        serverSentEvents((change) => encodeEvent({ data: change })),
      );
    },
  });
}
