/** How requests reach an agent: through a daemon's socket or inside the process. */

/** How long a request goes on trying while nobody accepts connections. */
export type Patience =
  /** One try. */
  | 'none'
  /** While the socket's file is there, a daemon that restarts or recovers; and as long as one takes to start. */
  | 'while-socket'
  /** In any case: a daemon that is known to have been there. */
  | 'always';

/** A request. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes, or a source of bytes that is opened when the request is really sent. */
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** Whether it may be sent again when the connection broke before an answer came. */
  readonly idempotent?: boolean;
  readonly patience?: Patience;
  readonly signal?: AbortSignal | undefined;
}

/** A response whose body is still to be read. */
export interface ApiResponse {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A way to an agent. */
export interface Transport extends AsyncDisposable {
  /**
   * Sends and resolves with the head of the response. Rejects with DAEMON_UNREACHABLE when nobody answers or the
   * connection breaks, and with the signal's reason.
   */
  send(request: ApiRequest): Promise<ApiResponse>;
}
