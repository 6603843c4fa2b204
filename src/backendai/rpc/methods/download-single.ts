/** `download_single` (spec rpc 8.22). */
import { KerneletError } from '../../../lib/errors.ts';
import { method } from '../rpc-method.ts';
import { downloadSingle as signature } from '../schema/files.ts';
import { smallDownload } from '../small-download.ts';

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
