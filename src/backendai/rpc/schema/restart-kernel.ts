import { z } from 'zod';
import { define } from './define.ts';
import { anyMap, imageReference, kernelId, kernelPorts, sessionId } from './fields.ts';

/** `restart_kernel`: the kernel again with what is changed of its configuration (spec rpc 8.11). */
export const restartKernel = define(
  'restart_kernel',
  { session_id: sessionId, kernel_id: kernelId, kernel_image: imageReference, updated_config: anyMap },
  z.looseObject(kernelPorts),
);
