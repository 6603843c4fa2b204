/** `gather_hwinfo` (spec rpc 8.3). */
import { method } from '../rpc-method.ts';
import { gatherHwinfo as signature } from '../schema/gather-hwinfo.ts';

/** What the plugins of devices say of their hardware; each has a deadline of its own. */
export const gatherHwinfo = method({
  signature,
  waitsOnly: true,
  handle: async (_, { services: { agent }, signal }) => {
    const { hardware } = await agent.resources(signal);
    return Object.fromEntries(
      Object.entries(hardware).map(([device, { status, status_info, metadata }]) => [
        device,
        { status, status_info, metadata: { ...metadata } },
      ]),
    );
  },
});
