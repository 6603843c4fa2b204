import { z } from 'zod';
import { define } from './define.ts';
import { emptyRequest, textMap } from './fields.ts';

const facts = {
  status: z.enum(['healthy', 'degraded', 'offline', 'unavailable']),
  status_info: z.string().nullable(),
  metadata: textMap,
};

/** `gather_hwinfo`: what each device says of itself; exactly these keys (spec rpc 8.3). */
export const gatherHwinfo = define('gather_hwinfo', {}, z.record(z.string(), z.strictObject(facts)));

/** `gather_hwinfo_v2`: the same as a list (spec rpc 9.3). */
export const gatherHwinfoV2 = define(
  'gather_hwinfo_v2',
  { req: emptyRequest },
  z.strictObject({ devices: z.array(z.strictObject({ device_name: z.string(), ...facts })) }),
  1,
);
