import { z } from 'zod';
import { define } from './define.ts';
import { anyMap, kernelId } from './fields.ts';

/** `get_completions`: the answer of both generations in one (spec rpc 8.9). */
export const getCompletions = define(
  'get_completions',
  { kernel_id: kernelId, text: z.string(), opts: anyMap },
  z
    .looseObject({
      status: z.string().optional(),
      completions: z.array(z.string()).optional(),
      result: z
        .strictObject({ status: z.string(), error: z.string().nullable(), suggestions: z.array(z.string()) })
        .optional(),
    })
    .nullable(),
);
