import { z } from 'zod';
import { define } from './define.ts';
import { kernelId, nothing } from './fields.ts';

/** `shutdown_service`: never fails (spec rpc 8.19). */
export const shutdownService = define('shutdown_service', { kernel_id: kernelId, service: z.string() }, nothing);
