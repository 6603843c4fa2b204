/** `download_file` (spec rpc 8.21). */
import { packFiles } from '../../../lib/tar.ts';
import { method } from '../rpc-method.ts';
import { downloadFile as signature } from '../schema/files.ts';
import { collected, smallDownload } from '../small-download.ts';

/** A file or folder as a tar archive. */
export const downloadFile = method({
  signature,
  waitsOnly: true,
  notable: true,
  maxMs: 120_000,
  handle: async ({ kernel_id, filepath }, { services: { agent }, signal }) => {
    const { form, name, bytes } = await smallDownload(agent, kernel_id, filepath, signal);
    if (form === 'tar') return bytes;
    return await collected(packFiles([{ name, content: bytes }]), filepath);
  },
});
