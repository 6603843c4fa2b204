/** The form of what the watcher is asked for and answers, and how errors look to managers, which show the text to people. */
import { type KerneletError, toKerneletError } from '../../lib/errors.ts';
import { NoServiceManager } from './systemctl.ts';

export interface WatcherRequest {
  readonly query: URLSearchParams;
  /** The parsed JSON of its body; undefined when it has none. */
  readonly body: unknown;
}

export interface WatcherReply {
  readonly status: number;
  /** A text as it is, anything else as JSON. */
  readonly body: unknown;
  /** The media type of a text; plain when absent. */
  readonly type?: string;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** Whether it is an act, which the log tells of. */
  readonly isAct: boolean;
  /** Whether its callers read JSON, errors included. */
  readonly isJson: boolean;
  readonly handle: (request: WatcherRequest) => Promise<WatcherReply>;
}

/** The reply to an act that has been done. */
export const done: WatcherReply = { status: 200, body: { result: 'ok' } };

/** The reply to a request that has thrown. `asJson`: the caller reads JSON. */
export function replyOfError(thrown: unknown, asJson: boolean): WatcherReply {
  // As upstream says it, which people and scripts know; there is nothing else that it could mean here.
  if (thrown instanceof NoServiceManager) {
    return { status: 200, body: { message: 'Agent is not loaded with systemctl.' } };
  }
  const error: KerneletError = toKerneletError(thrown);
  const { message } = error.toDocument();
  return { status: error.entry.httpStatus, body: asJson ? { result: 'error', message } : message };
}
