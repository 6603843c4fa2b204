/** `list_files`: JSON text of a folder's entries (spec rpc 8.23). */
import { z } from 'zod';
import { hasCode } from '../../../lib/errors.ts';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
  'list_files',
  { kernel_id: kernelId, path: z.string() },
  z.strictObject({ files: z.string(), errors: z.string(), abspath: z.string() }),
);

/** The entries of a folder as JSON text; what cannot be listed is no failure, but a text beside no entries. */
export const listFiles = method({
  signature,
  waitsOnly: true,
  notable: true,
  maxMs: 30_000,
  handle: async ({ kernel_id, path }, { services: { agent }, signal }) => {
    try {
      const { files } = await agent.listFiles(kernel_id, path, signal);
      const entries = files.map(({ mode, size, ctime, mtime, atime, filename }) => ({
        mode,
        size,
        ctime,
        mtime,
        atime,
        filename,
      }));
      return { files: `${JSON.stringify(entries)}\n`, errors: '', abspath: path };
    } catch (error) {
      if (!hasCode(error, 'FILE_NOT_FOUND', 'FILE_ERROR')) throw error;
      return { files: '', errors: error.message, abspath: path };
    }
  },
});
