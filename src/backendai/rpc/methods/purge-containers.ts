/** `purge_containers` of 25.10 to 25.19 (spec rpc 9.1). */
import { z } from 'zod';
import { endInBackground } from '../destroy-kernels.ts';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'purge_containers',
  { container_kernel_ids: z.array(z.tuple([z.string(), kernelId])) },
  z.strictObject({}),
);

/** Begins to end the kernels whose containers these are; containers of nobody are the sweep's. */
export const purgeContainers = method({
  signature,
  notable: true,
  handle: async ({ container_kernel_ids: pairs }, call) => {
    const live = await call.services.agent.list({ all: false });
    const isNamed = ({ id, containerId }: (typeof live)[number]): boolean =>
      pairs.some(([container, kernel]) => kernel === id && container === containerId);
    for (const { id } of live.filter(isNamed)) endInBackground(id, 'user-purged', call);
    return {};
  },
});
