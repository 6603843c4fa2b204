/** Turns what goes wrong between this process and the engine into KerneletErrors. */
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../../lib/system-error.ts';

/** The most of the engine's own words that an error repeats. */
const maxMessage = 2_000;

/** Why the connection failed, in words; undefined for codes that say it best themselves. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens on its socket',
  EACCES: 'this user may not use its socket',
  EPERM: 'this user may not use its socket',
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
};

/**
 * The error for a call whose signal has aborted: the signal's own reason when that is a KerneletError, else
 * DEADLINE_EXCEEDED for a time-out and CANCELLED for the rest.
 */
export function abortFailure(signal: AbortSignal, what: string): KerneletError {
  const reason: unknown = signal.reason;
  if (reason instanceof KerneletError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') {
    return new KerneletError('DEADLINE_EXCEEDED', `the engine did not answer in time to ${what}`, { cause: reason });
  }
  return new KerneletError('CANCELLED', `${what} was cancelled`, { cause: reason });
}

/** The error for a connection that could not be made or broke off. */
export function connectionFailure(thrown: unknown, socketPath: string, what: string): KerneletError {
  if (thrown instanceof KerneletError) return thrown;
  const code = systemErrorCode(thrown);
  const detail = (code && reasons[code]) ?? (thrown instanceof Error ? thrown.message : String(thrown));
  return new KerneletError('ENGINE_UNAVAILABLE', `the container engine at ${socketPath} failed ${what}: ${detail}`, {
    context: { socket: socketPath, ...(code ? { reason: code } : {}) },
    cause: thrown,
  });
}

/** The error for a reply whose status says no. `body` is JSON with a `message`, or plain text. */
export function statusFailure(status: number, body: string, what: string): KerneletError {
  const message = messageOf(body).slice(0, maxMessage) || `status ${status}`;
  return new KerneletError('ENGINE_FAILED', `the container engine refused to ${what}: ${message}`, {
    context: { status, message },
  });
}

/** The HTTP status of an ENGINE_FAILED, or undefined for anything else. */
export function statusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof KerneletError) || thrown.code !== 'ENGINE_FAILED') return undefined;
  const status = thrown.context['status'];
  return typeof status === 'number' ? status : undefined;
}

/** The engine's own words in an ENGINE_FAILED; `''` for anything else. */
export function engineWords(thrown: unknown): string {
  const message = thrown instanceof KerneletError ? thrown.context['message'] : undefined;
  return typeof message === 'string' ? message : '';
}

/** Whether a request failed because its kept-alive connection had been closed meanwhile. */
export function isStaleConnection(thrown: unknown): boolean {
  return isSystemError(thrown, 'EPIPE', 'ECONNRESET');
}

const portInUse = /:(\d{1,5})(?:\/\w+)?(?: failed)?: (?:bind: )?(?:port is already allocated|address already in use)/;

/** The host port that a refused start names as taken; undefined when it was refused for another reason. */
export function portInConflict(words: string): number | undefined {
  const port = portInUse.exec(words)?.[1];
  return port === undefined ? undefined : Number(port);
}

function messageOf(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string') {
      return parsed.message.trim();
    }
  } catch {
    // Plain text, as proxies and old engines send.
  }
  return body.trim();
}

/** The error for an image that is not there. */
export function imageNotFound(reference: string): KerneletError {
  return new KerneletError('IMAGE_NOT_FOUND', `image ${reference} is not on this machine`, {
    context: { image: reference },
  });
}
