/** `purge_images`: a failing image does not fail the call (spec rpc 9.3). */
import { z } from 'zod';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'purge_images',
  { image_canonicals: z.array(z.string()), force: z.boolean(), noprune: z.boolean() },
  z.strictObject({
    responses: z.array(z.strictObject({ image: z.string(), error: z.string().nullable() })),
  }),
);

/** Removes images; what cannot be removed is said for each. */
export const purgeImages = method({
  signature,
  notable: true,
  handle: async ({ image_canonicals: names, force, noprune }, { services: { images } }) => ({
    responses: [...(await images.purge(names, { force, keepParents: noprune }))],
  }),
});
