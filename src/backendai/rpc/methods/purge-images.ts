/** `purge_images` of 25.6 (spec rpc 9.3). */
import { method } from '../rpc-method.ts';
import { purgeImages as signature } from '../schema/purge.ts';

/** Removes images; what cannot be removed is said for each. */
export const purgeImages = method({
  signature,
  notable: true,
  handle: async ({ image_canonicals: names, force, noprune }, { services: { images } }) => ({
    responses: [...(await images.purge(names, { force, keepParents: noprune }))],
  }),
});
