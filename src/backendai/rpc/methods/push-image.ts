/** `push_image`: begins to push an image (spec rpc 8.17). */
import { z } from 'zod';
import { canonicalName, credentials, imageReference, registry, taskId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'push_image',
  { image_ref: imageReference, registry },
  z.strictObject({ bgtask_id: taskId, canonical: z.string() }),
);

/** Begins to send an image to its registry; its end is an event of the task. */
export const pushImage = method({
  signature,
  notable: true,
  handle: async ({ image_ref: image, registry }, { services: { images } }) => {
    const canonical = canonicalName(image);
    const task = await images.push(canonical, { local: image.is_local, auth: credentials(registry) });
    return { bgtask_id: task, canonical };
  },
});
