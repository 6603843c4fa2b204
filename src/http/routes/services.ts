/** `/v1/kernels/{id}/services/{service}`: applications of a kernel. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { boundedText, doneSchema, kernelIdField } from '../fields.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const maxWord = 4096;
const maxWords = 256;
const few = (all: object): boolean => Object.keys(all).length <= maxWords;
const word = boundedText(maxWord, 'a word');

const serviceNameForm = /^[\p{L}\p{N}_-]{1,128}$/u;

/** The path of a request about a service. */
const serviceParamsSchema = z.strictObject({
  id: kernelIdField,
  service: z
    .string()
    .regex(serviceNameForm, 'not the name of a service')
    // Else the document has its slash and flag in it, and no name fits.
    .openapi({ pattern: serviceNameForm.source }),
});

/** What a caller wants of a service that is started; the image says what may be given. */
const startServiceBodySchema = z
  .strictObject({
    arguments: z
      .record(word, z.union([word, z.array(word).max(maxWords), z.null()]))
      .refine(few, `at most ${maxWords} arguments`)
      .default({})
      .openapi({ description: 'Flags, each with nothing (null), a word or several behind it.' }),
    envs: z.record(word, word).refine(few, `at most ${maxWords} variables`).default({}),
  })
  .openapi('StartService');

const serviceOutcomeSchema = z
  .strictObject({
    status: z.enum(['started', 'running', 'failed']).openapi({ description: '`running`: it was started before.' }),
    error: z.string().optional().openapi({ description: 'Why it failed.' }),
  })
  .openapi('ServiceOutcome');

const path = '/v1/kernels/{id}/services/{service}';
const tag = 'services';

export const serviceOperations = {
  startService: {
    method: 'post',
    path: `${path}/start`,
    tag,
    summary: 'Starts a service of the kernel; answers when its port is open, or with why it is not.',
    params: serviceParamsSchema,
    body: startServiceBodySchema,
    status: 200,
    reply: { 'application/json': serviceOutcomeSchema },
  },
  stopService: {
    method: 'post',
    path: `${path}/stop`,
    tag,
    summary: 'Ends a service of the kernel; answers when it has ended, or did not run.',
    params: serviceParamsSchema,
    status: 200,
    reply: { 'application/json': doneSchema },
  },
} as const satisfies Operations;

export function addServiceRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, serviceOperations, {
    startService: ({ params, body, context }) =>
      agent.startService(params.id, params.service, body, openStream(context).signal),
    async stopService({ params, context }) {
      await agent.stopService(params.id, params.service, openStream(context).signal);
      return {};
    },
  });
}
