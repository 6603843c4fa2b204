import { z } from 'zod';
import { define } from './define.ts';
import { kernelId, nothing, sessionId } from './fields.ts';

/** `sync_kernel_registry`: the kernels that the manager thinks are here (spec rpc 8.5). */
export const syncKernelRegistry = define(
  'sync_kernel_registry',
  { raw_kernel_session_ids: z.array(z.tuple([kernelId, sessionId])) },
  nothing,
);
