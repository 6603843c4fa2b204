/** `check_pulling` of 25.13 (spec rpc 9.3). */
import { z } from 'zod';
import { define, method } from '../rpc-method.ts';

const signature = define('check_pulling', { image_name: z.string() }, z.boolean());

/** Whether an image of this name is being fetched ahead. */
export const checkPulling = method({
  signature,
  handle: ({ image_name: name }, { services: { images } }) => images.isPulling(name),
});
