/** Bounds for the calls of tests. */

/** A signal that aborts after `ms`. */
export const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
