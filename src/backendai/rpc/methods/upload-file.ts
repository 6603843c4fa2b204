/** `upload_file` (spec rpc 8.20, observed 2). */
import { method } from '../rpc-method.ts';
import { uploadFile as signature } from '../schema/files.ts';

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
