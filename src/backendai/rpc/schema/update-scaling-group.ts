import { z } from 'zod';
import { define } from './define.ts';
import { nothing } from './fields.ts';

/** `update_scaling_group`: rewrites the group in the configuration file (spec rpc 8.2). */
export const updateScalingGroup = define('update_scaling_group', { scaling_group: z.string().min(1) }, nothing);
