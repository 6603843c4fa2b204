/** `push_image` (spec rpc 8.17, kernel-lifecycle 2.8). */
import { canonicalName, credentials } from '../image-name.ts';
import { method } from '../rpc-method.ts';
import { pushImage as signature } from '../schema/push-image.ts';

/** Begins to send an image to its registry; its end is told by events of the task. */
export const pushImage = method({
  signature,
  notable: true,
  handle: async ({ image_ref: image, registry }, { services: { images } }) => {
    const canonical = canonicalName(image);
    const task = await images.push(canonical, { local: image.is_local, auth: credentials(registry) });
    return { bgtask_id: task, canonical };
  },
});
