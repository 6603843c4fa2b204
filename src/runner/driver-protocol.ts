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
  object,
  oneOf,
  otherwise,
  type Reader,
  readOrNull,
  signed,
  such,
  text,
  truth,
} from '../lib/json-reader.ts';

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

const mediaTypeForm = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(;.{0,128})?$/;
const maxMatches = 1000;

const forms: { readonly [Ev in FromDriver['ev']]: Reader<Extract<FromDriver, { ev: Ev }>> } = {
  ready: () => ({ ev: 'ready' }),
  media: object((of) => ({
    ev: 'media',
    type: of(
      'type',
      such(text, (type) => mediaTypeForm.test(type), 'a media type'),
    ),
    encoding: of('encoding', oneOf(['base64', 'text'])),
    data: of('data', text),
  })),
  html: object((of) => ({ ev: 'html', data: of('data', text) })),
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
