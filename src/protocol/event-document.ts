/** Values and errors of runs as JSON documents have them, where bytes can't stand beside: in `--json` and server-sent events. */
import { isUtf8 } from 'node:buffer';
import { type DisplayedForm, type DisplayForm, type DisplayRole, displayedForms, isBinaryType } from './display.ts';
import type { NumberedRunEvent, RunEvent } from './run-event.ts';

/** A form: as text where its type is one of texts, else in base64. */
export type FormDocument =
  | { readonly type: string; readonly text: string }
  | { readonly type: string; readonly base64: string };

/** A value or an error with its content. */
export type ContentDocument =
  | {
      readonly kind: 'display';
      readonly role: DisplayRole;
      readonly forms: readonly FormDocument[];
      readonly omitted: readonly DisplayForm[];
    }
  | { readonly kind: 'error'; readonly name: string; readonly message: string; readonly traceback: string };

/** The document of an event that is a value or an error; null for others. */
export function contentDocument({ event, body }: Pick<NumberedRunEvent, 'event' | 'body'>): ContentDocument | null {
  if (event.kind === 'display') return { ...event, forms: displayedForms(event.forms, body).map(formDocument) };
  if (event.kind === 'error') return { ...event, traceback: bufferOf(body).toString() };
  return null;
}

/** An event as JSON documents have it, but for bytes of output. */
export type EventDocument = Exclude<RunEvent, { readonly kind: 'display' | 'error' }> | ContentDocument;

function formDocument({ type, body }: DisplayedForm): FormDocument {
  const buffer = bufferOf(body);
  const isText = !isBinaryType(type) && isUtf8(buffer);
  return isText ? { type, text: buffer.toString() } : { type, base64: buffer.toString('base64') };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
