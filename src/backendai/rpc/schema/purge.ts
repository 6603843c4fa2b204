import { z } from 'zod';
import { define } from './define.ts';
import { kernelId } from './fields.ts';

/** `purge_images`: a failing image does not fail the call (spec rpc 9.3). */
export const purgeImages = define(
  'purge_images',
  { image_canonicals: z.array(z.string()), force: z.boolean(), noprune: z.boolean() },
  z.strictObject({
    responses: z.array(z.strictObject({ image: z.string(), error: z.string().nullable() })),
  }),
);

/** `purge_containers` of 25.10 to 25.19 (spec rpc 9.1). */
export const purgeContainers = define(
  'purge_containers',
  { container_kernel_ids: z.array(z.tuple([z.string(), kernelId])) },
  z.strictObject({}),
);

/** `drop_kernel_registry` of 25.10 to 25.19 (spec rpc 9.1). */
export const dropKernelRegistry = define(
  'drop_kernel_registry',
  { kernel_id_list: z.array(kernelId) },
  z.strictObject({}),
);
