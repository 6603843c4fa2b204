/** A signal that never aborts, of its own for each call: with one that all share, what a killed daemon waited for would stay for good. */
export const neverAborted = (): AbortSignal => new AbortController().signal;
