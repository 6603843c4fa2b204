/** `gather_hwinfo_v2` (spec rpc 9.3). */
import { method } from '../rpc-method.ts';
import { gatherHwinfoV2 as signature } from '../schema/gather-hwinfo.ts';

/** What the plugins of devices say of their hardware, as a list. */
export const gatherHwinfoV2 = method({
  signature,
  waitsOnly: true,
  handle: async (_, { services: { agent }, signal }) => {
    const { hardware } = await agent.resources(signal);
    const devices = Object.entries(hardware).map(([device, { status, status_info, metadata }]) => ({
      device_name: device,
      status,
      status_info,
      metadata: { ...metadata },
    }));
    return { devices };
  },
});
