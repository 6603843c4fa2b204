/** The types of Hono with what the server passes along with a request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';

/** What the server passes along; empty when the app is called in process. */
export interface Bindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
  /**
   * Aborts when the caller inside this process gives up. It counts instead of the request's own signal, which a
   * `Request` follows through weak references: after a garbage collection it would never abort.
   */
  readonly leaving?: AbortSignal | undefined;
  /** Aborts when the server stops: streams end, nothing of the client's is undone. */
  readonly stopping?: AbortSignal;
}

/** The application that endpoints are added to. */
export type ApiApp = OpenAPIHono<{ Bindings: Bindings }>;
/** The context of one request. */
export type ApiContext = Context<{ Bindings: Bindings }>;
