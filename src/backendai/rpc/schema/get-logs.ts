import { z } from 'zod';
import { define } from './define.ts';
import { kernelId } from './fields.ts';

/** `get_logs`: what the container wrote so far (spec rpc 8.10). */
export const getLogs = define('get_logs', { kernel_id: kernelId }, z.strictObject({ logs: z.string() }));
