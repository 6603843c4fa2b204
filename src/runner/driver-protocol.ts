/**
 * Between the runner and an interpreter driver (`drivers/`): JSON documents, one a line, both ways on descriptor 3 of
 * the driver (a socket that the driver marks close-on-exec). Standard output and error are plain bytes on descriptors
 * 1 and 2, so what child processes and native code print arrives too; standard input is empty.
 *
 * A driver flushes both streams before every line it sends: the runner then delivers what came before it first.
 * SIGINT to the driver's process group interrupts the query; the line `interrupt` that follows it is for drivers to
 * which a signal can get lost, and means nothing once that query has ended.
 */

/** What the runner sends to the driver. */
export type ToDriver =
  | { readonly op: 'execute'; readonly id: number; readonly code: string }
  | { readonly op: 'interrupt'; readonly id: number }
  /** Answers an `input`; null is the end of the input. */
  | { readonly op: 'input'; readonly text: string | null }
  | { readonly op: 'complete'; readonly id: number; readonly code: string; readonly cursor: number };

/** What the driver sends to the runner. */
export type FromDriver =
  | { readonly ev: 'ready' }
  /** `encoding` says how `data` stands for the body: `base64` for pictures, `text` for the rest. */
  | { readonly ev: 'media'; readonly type: string; readonly encoding: 'base64' | 'text'; readonly data: string }
  | { readonly ev: 'html'; readonly data: string }
  | { readonly ev: 'input'; readonly prompt: string; readonly password: boolean }
  /**
   * 0, the value of SystemExit, 1 after an exception (whose traceback went to standard error), 130 after an interrupt.
   * A driver that ends during a query sends none: its own status is the query's, and the state is gone.
   */
  | { readonly ev: 'done'; readonly id: number; readonly exitCode: number }
  | { readonly ev: 'completion'; readonly id: number; readonly matches: readonly string[] };

type Fields = Readonly<Record<string, unknown>>;

const mediaTypeForm = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(;.{0,128})?$/;
const maxMatches = 1000;

/** Reads one line; null when it is not one of a driver's. */
export function parseDriverLine(line: string): FromDriver | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object') return null;
  const fields = value as Fields;
  const ev = fields['ev'];
  switch (ev) {
    case 'ready':
      return { ev };
    case 'media': {
      const { type, encoding, data } = fields;
      if (typeof type !== 'string' || !mediaTypeForm.test(type) || typeof data !== 'string') return null;
      if (encoding !== 'base64' && encoding !== 'text') return null;
      return { ev, type, encoding, data };
    }
    case 'html':
      return typeof fields['data'] === 'string' ? { ev, data: fields['data'] } : null;
    case 'input':
      return typeof fields['prompt'] === 'string'
        ? { ev, prompt: fields['prompt'], password: fields['password'] === true }
        : null;
    case 'done': {
      const { id, exitCode } = fields;
      return typeof id === 'number' && typeof exitCode === 'number' && Number.isSafeInteger(exitCode)
        ? { ev, id, exitCode }
        : null;
    }
    case 'completion': {
      const { id, matches } = fields;
      if (typeof id !== 'number' || !Array.isArray(matches)) return null;
      return { ev, id, matches: matches.filter((item) => typeof item === 'string').slice(0, maxMatches) };
    }
    default:
      return null;
  }
}
