/** Images. */
import { z } from '@hono/zod-openapi';
import { flagField, imageReferenceField } from './fields.ts';

/** Query that names an image. */
export const imageQuerySchema = z.strictObject({ reference: imageReferenceField });

/** Query of a removal. */
export const removeImageQuerySchema = z.strictObject({ reference: imageReferenceField, force: flagField });

/** Body of `POST /v1/images/build`. */
export const buildBodySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'not the name of a recipe')
    .openapi({ example: 'python', description: 'The name of a folder below `images/`.' }),
});

/** Body of `POST /v1/images/pull`. */
export const pullBodySchema = z.strictObject({ reference: imageReferenceField });

/** An image. */
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
  .openapi('Image');

/** Reply of `GET /v1/images`. */
export const imageListSchema = z.strictObject({ images: z.array(imageSchema).readonly() }).openapi('ImageList');

/** The `data` of a `progress` event of long work. */
export const progressSchema = z
  .strictObject({ message: z.string(), fraction: z.number().min(0).max(1).optional() })
  .openapi('Progress');
