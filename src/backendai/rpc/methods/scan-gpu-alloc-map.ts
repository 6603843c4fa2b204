/** `scan_gpu_alloc_map` of 25.4 (spec rpc 9.3). */
import { parseDecimal, plainText, sum } from '../../../lib/decimal.ts';
import { method } from '../rpc-method.ts';
import { scanGpuAllocMap as signature } from '../schema/scan-gpu-alloc-map.ts';

const slots: ReadonlySet<string> = new Set(['cuda.shares', 'cuda.device']);

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
