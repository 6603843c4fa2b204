/** `/v1/images`: images and their labels. */
import { z } from '@hono/zod-openapi';
import type { Agent, ImageProgress, ImageView } from '../../agent/agent.ts';
import { doneSchema, flagField, imageReferenceField } from '../fields.ts';
import { longWork } from '../long-work.ts';
import { type ApiApp, addOperations, type Document, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const imageQuerySchema = z.strictObject({ reference: imageReferenceField });

const removeImageQuerySchema = z.strictObject({ reference: imageReferenceField, force: flagField });

const buildBodySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'not the name of a recipe')
    .openapi({ example: 'python', description: 'The name of a folder below `images/`.' }),
});

const pullBodySchema = z.strictObject({ reference: imageReferenceField });

/** An image of the engine under one of its names, with what is wrong with its labels. */
export const imageSchema = z
  .strictObject({
    reference: z.string(),
    id: z.string(),
    architecture: z.string(),
    sizeBytes: z.number(),
    createdAt: z.string(),
    runtime: z.string(),
    labelled: z.boolean(),
    labels: z.record(z.string(), z.string()),
    problems: z.array(z.strictObject({ label: z.string(), problem: z.string() })).readonly(),
  })
  .openapi('Image') satisfies z.ZodType<Document<ImageView>>;

/** Reply of `GET /v1/images`. */
export const imageListSchema = z.strictObject({ images: z.array(imageSchema).readonly() }).openapi('ImageList');

/** The `data` of a `progress` event of long work. */
export const progressSchema = z
  .strictObject({ message: z.string(), fraction: z.number().min(0).max(1).optional() })
  .openapi('Progress') satisfies z.ZodType<ImageProgress>;

const tag = 'images';
const workReply = { 'application/json': imageSchema, 'text/event-stream': progressSchema } as const;

export const imageOperations = {
  listImages: {
    method: 'get',
    path: '/v1/images',
    tag,
    summary: 'The images of this machine.',
    status: 200,
    reply: { 'application/json': imageListSchema },
  },
  inspectImage: {
    method: 'get',
    path: '/v1/images/inspect',
    tag,
    summary: 'One image, with what is wrong with its labels.',
    query: imageQuerySchema,
    status: 200,
    reply: { 'application/json': imageSchema },
  },
  buildImage: {
    method: 'post',
    path: '/v1/images/build',
    tag,
    summary: 'Builds an image from its recipe.',
    body: buildBodySchema,
    status: 200,
    reply: workReply,
  },
  pullImage: {
    method: 'post',
    path: '/v1/images/pull',
    tag,
    summary: 'Pulls an image from its registry.',
    body: pullBodySchema,
    status: 200,
    reply: workReply,
  },
  removeImage: {
    method: 'delete',
    path: '/v1/images',
    tag,
    summary: 'Removes an image.',
    query: removeImageQuerySchema,
    status: 200,
    reply: { 'application/json': doneSchema },
  },
} as const satisfies Operations;

export function addImageRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, imageOperations, {
    listImages: async ({ context }) => ({ images: await agent.images(openStream(context).signal) }),
    inspectImage: ({ query, context }) => agent.inspectImage(query.reference, openStream(context).signal),
    buildImage: ({ body, context }) =>
      longWork(context, 200, (signal, onProgress) => agent.buildImage(body.name, signal, onProgress)),
    pullImage: ({ body, context }) =>
      longWork(context, 200, (signal, onProgress) => agent.pullImage(body.reference, signal, onProgress)),
    async removeImage({ query, context }) {
      await agent.removeImage(query.reference, { force: query.force }, openStream(context).signal);
      return {};
    },
  });
}
