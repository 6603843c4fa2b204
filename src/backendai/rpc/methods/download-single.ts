/** `download_single`: the content of one file (spec rpc 8.22). */
import { z } from 'zod';
import { KerneletError } from '../../../lib/errors.ts';
import { bytes, kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';
import { smallDownload } from '../small-download.ts';

const signature = define('download_single', { kernel_id: kernelId, filepath: z.string() }, bytes);

/** The bytes of one file. */
export const downloadSingle = method({
  signature,
  waitsOnly: true,
  notable: true,
  maxMs: 120_000,
  handle: async ({ kernel_id, filepath }, { services: { agent }, signal }) => {
    const { form, bytes } = await smallDownload(agent, kernel_id, filepath, signal);
    if (form === 'file') return bytes;
    throw new KerneletError('INVALID_ARGUMENT', `${JSON.stringify(filepath.slice(0, 200))} is a folder, not one file`);
  },
});
