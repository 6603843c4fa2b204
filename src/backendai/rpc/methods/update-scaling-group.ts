/** `update_scaling_group` (spec rpc 8.2). */
import { method } from '../rpc-method.ts';
import { updateScalingGroup as signature } from '../schema/update-scaling-group.ts';

/** Moves the node, in its file too; kernels are not touched. */
export const updateScalingGroup = method({
  signature,
  notable: true,
  handle: async ({ scaling_group }, { services }) => {
    await services.moveTo(scaling_group);
    return null;
  },
});
