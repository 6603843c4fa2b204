/** `check_pulling` of 25.13 (spec rpc 9.3). */
import { method } from '../rpc-method.ts';
import { checkPulling as signature } from '../schema/check.ts';

/** Whether an image of this name is being fetched ahead. */
export const checkPulling = method({
  signature,
  handle: ({ image_name: name }, { services: { images } }) => images.isPulling(name),
});
