/** `commit`: begins to make an image or a file of the kernel (spec rpc 8.16). */
import { z } from 'zod';
import { kernelId, taskId, textMap } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
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

/** Begins to make an image or a file of a kernel; its end is an event of the task. */
export const commit = method({
  signature,
  notable: true,
  handle: async ({ kernel_id: kernel, subdir, canonical, filename, extra_labels: labels }, { services }) => ({
    bgtask_id: await services.commits.begin(kernel, { subdir, canonical, filename, labels }),
    kernel,
    path: filename === null ? null : `${subdir}/${filename}`,
  }),
});
