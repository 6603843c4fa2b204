/** `download_file`: a tar archive (spec rpc 8.21). */
import { z } from 'zod';
import { packFiles } from '../../../lib/tar.ts';
import { bytes, kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';
import { collected, smallDownload } from '../small-download.ts';

const signature = define('download_file', { kernel_id: kernelId, filepath: z.string() }, bytes);

/** A file or folder as a tar archive. */
export const downloadFile = method({
  signature,
  waitsOnly: true,
  notable: true,
  maxMs: 120_000,
  handle: async ({ kernel_id, filepath }, { services: { agent }, signal }) => {
    const { form, name, mode, bytes } = await smallDownload(agent, kernel_id, filepath, signal);
    if (form === 'tar') return bytes;
    return await collected(packFiles([{ name, content: bytes, ...(mode === null ? {} : { mode }) }]), filepath);
  },
});
