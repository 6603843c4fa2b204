import { z } from 'zod';
import { define } from './define.ts';
import { kernelId, taskId, textMap } from './fields.ts';

/** `commit`: begins to make an image or a file of the kernel (spec rpc 8.16). */
export const commit = define(
  'commit',
  {
    kernel_id: kernelId,
    subdir: z.string(),
    canonical: z.string().nullable().default(null),
    filename: z.string().nullable().default(null),
    extra_labels: textMap.default({}),
  },
  z.strictObject({ bgtask_id: taskId, kernel: z.string(), path: z.string().nullable() }),
  3,
);

/** `get_commit_status` (spec rpc 8.15). */
export const getCommitStatus = define(
  'get_commit_status',
  { kernel_id: kernelId, subdir: z.string() },
  z.strictObject({ kernel: z.string(), status: z.enum(['ready', 'ongoing']) }),
);
