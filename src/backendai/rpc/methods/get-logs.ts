/** `get_logs`: what the container wrote so far (spec rpc 8.10). */
import { z } from 'zod';
import { kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

/** The newest so many bytes are given; the engine keeps 10 MiB unless the cluster says otherwise. */
const maxBytes = 32 * 1024 * 1024;

const signature = define('get_logs', { kernel_id: kernelId }, z.strictObject({ logs: z.string() }));

/** All that the container wrote. */
export const getLogs = method({
  signature,
  waitsOnly: true,
  notable: true,
  maxMs: 60_000,
  handle: async ({ kernel_id }, { services: { agent }, signal }) => {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const { data } of agent.logs(kernel_id, { follow: false }, signal)) {
      pieces.push(data);
      bytes += data.length;
      while (bytes > maxBytes && pieces.length > 1) bytes -= pieces.shift()?.length ?? 0;
    }
    return { logs: Buffer.concat(pieces).toString('utf8') };
  },
});
