/** `update_scaling_group`: rewrites the group in the configuration file (spec rpc 8.2). */
import { z } from 'zod';
import { nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('update_scaling_group', { scaling_group: z.string().min(1) }, nothing);

/** Moves the node, in its file too; kernels are not touched. */
export const updateScalingGroup = method({
  signature,
  notable: true,
  handle: async ({ scaling_group }, { services }) => {
    await services.moveTo(scaling_group);
    return null;
  },
});
