/** Services of a kernel. */
import { z } from '@hono/zod-openapi';
import { boundedText, kernelIdField } from './fields.ts';

const maxWord = 4096;
const maxWords = 256;
const few = (all: object): boolean => Object.keys(all).length <= maxWords;
const word = boundedText(maxWord, 'a word');

/** The path of a request about a service. */
export const serviceParamsSchema = z.strictObject({
  id: kernelIdField,
  service: z.string().regex(/^[\p{L}\p{N}_-]{1,128}$/u, 'not the name of a service'),
});

/** What a caller wants of a service that is started; the image says what may be given. */
export const startServiceBodySchema = z
  .strictObject({
    arguments: z
      .record(word, z.union([word, z.array(word).max(maxWords), z.null()]))
      .refine(few, `at most ${maxWords} arguments`)
      .default({})
      .openapi({ description: 'Flags, each with nothing (null), a word or several behind it.' }),
    envs: z.record(word, word).refine(few, `at most ${maxWords} variables`).default({}),
  })
  .openapi('StartService');

/** What became of a start. */
export const serviceOutcomeSchema = z
  .strictObject({
    status: z.enum(['started', 'running', 'failed']).openapi({ description: '`running`: it was started before.' }),
    error: z.string().optional().openapi({ description: 'Why it failed.' }),
  })
  .openapi('ServiceOutcome');
