/** `/v1/images`: images and their labels. */
import type { Agent } from '../../agent/agent.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { longWork } from '../long-work.ts';
import { doneSchema } from '../schema/fields.ts';
import {
  buildBodySchema,
  imageListSchema,
  imageQuerySchema,
  imageSchema,
  progressSchema,
  pullBodySchema,
  removeImageQuerySchema,
} from '../schema/image.ts';
import { openStream } from '../stream-reply.ts';

const tag = 'images';
const workReply = { 'application/json': imageSchema, 'text/event-stream': progressSchema };

/** Adds the endpoints. */
export function addImageRoutes(app: ApiApp, agent: Agent): void {
  addReading(app, agent);
  addChanging(app, agent);
}

function addReading(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'listImages',
      method: 'get',
      path: '/v1/images',
      tag,
      summary: 'The images of this machine.',
      status: 200,
      reply: { 'application/json': imageListSchema },
    },
    async ({ context }) => json(200, { images: await agent.images(openStream(context).signal) }),
  );
  endpoint(
    app,
    {
      operation: 'inspectImage',
      method: 'get',
      path: '/v1/images/inspect',
      tag,
      summary: 'One image, with what is wrong with its labels.',
      query: imageQuerySchema,
      status: 200,
      reply: { 'application/json': imageSchema },
    },
    async ({ query, context }) => json(200, await agent.inspectImage(query.reference, openStream(context).signal)),
  );
}

function addChanging(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'buildImage',
      method: 'post',
      path: '/v1/images/build',
      tag,
      summary: 'Builds an image from its recipe.',
      body: buildBodySchema,
      status: 200,
      reply: workReply,
    },
    async ({ body, context }) =>
      longWork(context, 200, (signal, onProgress) => agent.buildImage(body.name, signal, onProgress)),
  );
  endpoint(
    app,
    {
      operation: 'pullImage',
      method: 'post',
      path: '/v1/images/pull',
      tag,
      summary: 'Pulls an image from its registry.',
      body: pullBodySchema,
      status: 200,
      reply: workReply,
    },
    async ({ body, context }) =>
      longWork(context, 200, (signal, onProgress) => agent.pullImage(body.reference, signal, onProgress)),
  );
  endpoint(
    app,
    {
      operation: 'removeImage',
      method: 'delete',
      path: '/v1/images',
      tag,
      summary: 'Removes an image.',
      query: removeImageQuerySchema,
      status: 200,
      reply: { 'application/json': doneSchema },
    },
    async ({ query, context }) => {
      await agent.removeImage(query.reference, { force: query.force }, openStream(context).signal);
      return json(200, {});
    },
  );
}
