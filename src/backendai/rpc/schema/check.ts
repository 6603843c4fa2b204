import { z } from 'zod';
import { define } from './define.ts';
import { imageConfig, kernelId, textMap } from './fields.ts';

/** `check_and_pull`: one background task for each image (spec rpc 9.3). */
export const checkAndPull = define('check_and_pull', { image_configs: z.record(z.string(), imageConfig) }, textMap);

/** `check_pulling` (spec rpc 9.3). */
export const checkPulling = define('check_pulling', { image_name: z.string() }, z.boolean());

/** `check_creating` (spec rpc 9.3). */
export const checkCreating = define('check_creating', { kernel_id: kernelId }, z.boolean());

/** `check_running` (spec rpc 9.3). */
export const checkRunning = define('check_running', { kernel_id: kernelId }, z.boolean());
