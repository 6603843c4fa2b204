/** `upload_file`: one file of at most 1 MiB (spec rpc 8.20). */
import { z } from 'zod';
import { bytes, kernelId, nothing } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define('upload_file', { kernel_id: kernelId, filename: z.string(), filedata: bytes }, nothing);

/** Writes a file below the kernel's home, with its parent folders. */
export const uploadFile = method({
  signature,
  notable: true,
  maxMs: 120_000,
  handle: async ({ kernel_id, filename, filedata }, { services: { agent }, signal }) => {
    const content = new Blob([new Uint8Array(filedata)]).stream();
    await agent.upload(kernel_id, percentDecoded(filename), content, { mode: null, signal });
    return null;
  },
});

/** Clients of the SDK send names percent-encoded, others as they are; a `%` that encodes nothing stays. */
function percentDecoded(name: string): string {
  return name.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}
