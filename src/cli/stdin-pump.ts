/** Standard input of the command becomes standard input of the program, as fast as the program takes it. */
import { hasCode, toKerneletError } from '../lib/errors.ts';
import type { ApiClient } from './api-client.ts';
import type { InputPort } from './host.ts';

/** Where to pump. */
export interface StdinPumpOptions {
  readonly client: Pick<ApiClient, 'stdin'>;
  readonly kernel: string;
  readonly run: string;
  readonly input: InputPort;
  /** Ends the pump and lets go of standard input. */
  readonly signal: AbortSignal;
}

/**
 * Sends pieces until the input ends, the program closes its side, or the signal. Resolves with null, or with a text
 * when input was lost. Never rejects.
 */
export async function pumpStdin(options: StdinPumpOptions): Promise<string | null> {
  const { client, kernel, run, input, signal } = options;
  if (!input.inForeground) return null;
  try {
    for await (const chunk of input.chunks(signal)) {
      const { open } = await client.stdin(kernel, run, chunk, false, signal);
      if (!open) return null;
    }
    if (!signal.aborted) await client.stdin(kernel, run, new Uint8Array(), true, signal);
    return null;
  } catch (error) {
    // The program may end while a piece is on its way.
    if (signal.aborted || hasCode(error, 'RUN_NOT_FOUND', 'KERNEL_NOT_RUNNING', 'KERNEL_DIED', 'KERNEL_NOT_FOUND')) {
      return null;
    }
    return `standard input was cut off: ${toKerneletError(error).message}`;
  }
}
