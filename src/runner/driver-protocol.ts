/**
 * Between the runner and an interpreter driver (`drivers/`): JSON documents, one a line, both ways on descriptor 3 of
 * the driver (a socket that the driver marks close-on-exec). Standard output and error are plain bytes on descriptors
 * 1 and 2, so what child processes and native code print arrives too; standard input is empty.
 *
 * A driver flushes both streams before every line it sends: the runner then delivers what came before it first.
 * SIGINT to the driver's process group interrupts the query; the line `interrupt` that follows it is for drivers to
 * which a signal can get lost, and means nothing once that query has ended.
 */

import {
  listOfThose,
  newer,
  object,
  oneOf,
  otherwise,
  type Reader,
  readOrNull,
  signed,
  such,
  text,
  truth,
  whole,
} from '../lib/json-reader.ts';
import { type DisplayRole, displayRoles, isMediaType, maxDisplayForms } from '../protocol/display.ts';

/** What the runner sends to the driver. */
export type ToDriver =
  | { readonly op: 'execute'; readonly id: number; readonly code: string }
  | { readonly op: 'interrupt'; readonly id: number }
  /** Answers an `input`; null is the end of the input. */
  | { readonly op: 'input'; readonly text: string | null }
  | { readonly op: 'complete'; readonly id: number; readonly code: string; readonly cursor: number };

/** A form of a value: its content, or how many bytes it has, when that is more than the runner takes for a value. */
export type DriverForm =
  | { readonly type: string; readonly encoding: 'base64' | 'text'; readonly data: string }
  | { readonly type: string; readonly bytes: number };

/** What the driver sends to the runner. */
export type FromDriver =
  /**
   * `interruptByLine`: a signal to its group does harm, and the line `interrupt` is enough. `streamsAreCopies`: what comes by
   * the streams comes as events too, so that it is for the container's log alone. Both are false when absent.
   */
  | { readonly ev: 'ready'; readonly interruptByLine: boolean; readonly streamsAreCopies: boolean }
  /** It cannot be used; it ends, and `reason` says why to people. `isMissing`: the image has nothing of the kind. */
  | { readonly ev: 'unable'; readonly isMissing: boolean; readonly reason: string }
  /** Printed text that did not come by the streams: a driver that got it as messages. */
  | { readonly ev: 'stream'; readonly name: 'stdout' | 'stderr'; readonly text: string }
  /** A value with the forms that it offers, `text/plain` among them; `result` is the value of the query itself. */
  | { readonly ev: 'display'; readonly role: DisplayRole; readonly forms: readonly DriverForm[] }
  /**
   * The error that the query ends with, before its `done`: its class, its text, and the traceback as the language prints it,
   * with the last newline. The traceback is empty when standard error has it already.
   */
  | { readonly ev: 'error'; readonly name: string; readonly message: string; readonly traceback: string }
  | { readonly ev: 'input'; readonly prompt: string; readonly password: boolean }
  /**
   * 0, the value of SystemExit, 1 after an error, 130 after an interrupt.
   * A driver that ends during a query sends none: its own status is the query's, and the state is gone.
   */
  | { readonly ev: 'done'; readonly id: number; readonly exitCode: number }
  | { readonly ev: 'completion'; readonly id: number; readonly matches: readonly string[] };

const maxMatches = 1000;
/** Characters of why a driver cannot be used: those of all contexts go into one reply. */
const maxReason = 4096;

const mediaType = such(text, isMediaType, 'a media type');
const encoding = oneOf(['base64', 'text']);
const form = object<DriverForm>((of) => {
  const type = of('type', mediaType);
  const data = of('data', newer<string | null>(text, null));
  return data === null ? { type, bytes: of('bytes', whole) } : { type, encoding: of('encoding', encoding), data };
});

const forms: { readonly [Ev in FromDriver['ev']]: Reader<Extract<FromDriver, { ev: Ev }>> } = {
  ready: object((of) => ({
    ev: 'ready',
    interruptByLine: of('interruptByLine', newer(truth, false)),
    streamsAreCopies: of('streamsAreCopies', newer(truth, false)),
  })),
  unable: object((of) => ({
    ev: 'unable',
    isMissing: of('isMissing', truth),
    reason: of('reason', text).slice(0, maxReason),
  })),
  stream: object((of) => ({ ev: 'stream', name: of('name', oneOf(['stdout', 'stderr'])), text: of('text', text) })),
  display: object((of) => ({
    ev: 'display',
    role: of('role', oneOf(displayRoles)),
    forms: of('forms', listOfThose(form)).slice(0, maxDisplayForms),
  })),
  error: object((of) => ({
    ev: 'error',
    name: of('name', text),
    message: of('message', text),
    traceback: of('traceback', text),
  })),
  input: object((of) => ({
    ev: 'input',
    prompt: of('prompt', text),
    password: of('password', otherwise(truth, false)),
  })),
  done: object((of) => ({ ev: 'done', id: of('id', signed), exitCode: of('exitCode', signed) })),
  completion: object((of) => ({
    ev: 'completion',
    id: of('id', signed),
    matches: of('matches', listOfThose(text)).slice(0, maxMatches),
  })),
};
const kind = object((of) => of('ev', oneOf(Object.keys(forms) as FromDriver['ev'][])));
const event: Reader<FromDriver> = (value, place) => forms[kind(value, place)](value, place);

/** Reads one line; null when it is not one of a driver's. */
export const parseDriverLine = (line: string): FromDriver | null => readOrNull(event, line);
