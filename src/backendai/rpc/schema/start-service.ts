import { z } from 'zod';
import { define } from './define.ts';
import { kernelId, openMap, textMap } from './fields.ts';

const flag = z.union([z.string(), z.array(z.string()), z.null()]);

/** `start_service`: an application in a kernel (spec rpc 8.14). */
export const startService = define(
  'start_service',
  {
    kernel_id: kernelId,
    service: z.string(),
    opts: openMap({ arguments: z.record(z.string(), flag).optional(), envs: textMap.optional() }),
  },
  z.strictObject({ status: z.enum(['started', 'running', 'failed']), error: z.string().optional() }),
);
