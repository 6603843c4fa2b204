/** `scan_gpu_alloc_map`: what is allocated of each device, as decimal text (spec rpc 9.3). */

import { parseDecimal, plainText, sum } from '../../../lib/decimal.ts';
import { textMap } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const slots: ReadonlySet<string> = new Set(['cuda.shares', 'cuda.device']);

const signature = define('scan_gpu_alloc_map', {}, textMap);

/** What kernels have of each GPU, in shares or as whole ones. */
export const scanGpuAllocMap = method({
  signature,
  waitsOnly: true,
  handle: async (_, { services: { agent }, signal }) => {
    const { devices } = await agent.resources(signal);
    const held = devices.flatMap(({ id, used }) => {
      const amounts = used.filter(({ slot }) => slots.has(slot)).map(({ amount }) => parseDecimal(amount));
      return amounts.length > 0 ? [[id, plainText(sum(amounts))] as const] : [];
    });
    return Object.fromEntries(held);
  },
});
