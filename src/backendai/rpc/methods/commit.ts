/** `commit` (spec rpc 8.16). */
import { method } from '../rpc-method.ts';
import { commit as signature } from '../schema/commit.ts';

/** Begins to make an image or a file of a kernel; its end is told by events of the task. */
export const commit = method({
  signature,
  notable: true,
  handle: async ({ kernel_id: kernel, subdir, canonical, filename, extra_labels: labels }, { services }) => ({
    bgtask_id: await services.commits.begin(kernel, { subdir, canonical, filename, labels }),
    kernel,
    path: filename === null ? null : `${subdir}/${filename}`,
  }),
});
