/** Types of `ping.mjs`, as far as tests use it. */

/** Whether an engine answers at a socket. */
export function answers(socketPath: string, timeoutMs?: number): Promise<boolean>;
