/** `gather_hwinfo`: what each device says of itself; exactly these keys (spec rpc 8.3). */
import { z } from 'zod';
import { emptyRequest, textMap } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const facts = {
  status: z.enum(['healthy', 'degraded', 'offline', 'unavailable']),
  status_info: z.string().nullable(),
  metadata: textMap,
};

const signature = define('gather_hwinfo', {}, z.record(z.string(), z.strictObject(facts)));

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

/** What the plugins of devices say of their hardware, as a list. */
export const gatherHwinfoV2 = method({
  signature: define(
    'gather_hwinfo_v2',
    { req: emptyRequest },
    z.strictObject({ devices: z.array(z.strictObject({ device_name: z.string(), ...facts })) }),
    1,
  ),
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
