/** `check_creating` of 25.13 (spec rpc 9.3). */
import { z } from 'zod';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('check_creating', { kernel_id: kernelId }, z.boolean());

/** Whether a kernel is being created, or is here. */
export const checkCreating = method({
  signature,
  handle: async ({ kernel_id: id }, { services: { agent, creations } }) =>
    creations.isCreating(id) || (await agent.list({ all: false })).some((kernel) => kernel.id === id),
});
