import { z } from 'zod';
import { define } from './define.ts';
import { imageReference, registry, taskId } from './fields.ts';

/** `push_image`: begins to push an image (spec rpc 8.17). */
export const pushImage = define(
  'push_image',
  { image_ref: imageReference, registry },
  z.strictObject({ bgtask_id: taskId, canonical: z.string() }),
);
