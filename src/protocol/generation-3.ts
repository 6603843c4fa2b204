/**
 * How generation 3 and older told of values and errors, which had no events of their own: the richest form of a value as
 * `media` or `html`, else its text as output, and tracebacks as output too. What a run waits behind they did not tell, and what
 * is not kept is a line. An agent of before an upgrade reads this from a newer runner, and interfaces that are older than this
 * program for ever. One event becomes one event, since they see by the numbers of a run whether something is missing. Pure.
 */
import { type DisplayForm, displayedForms } from './display.ts';
import type { NumberedRunEvent, RunEvent } from './run-event.ts';

/** An event as generation 3 had it. */
export type Generation3Event =
  | Exclude<RunEvent, { readonly kind: 'display' | 'error' | 'queued' | 'dropped' }>
  /** The body is raw bytes for `image/png`, `image/jpeg` and `audio/ogg`, UTF-8 text for other types. */
  | { readonly kind: 'media'; readonly type: string }
  | { readonly kind: 'html' };

/** With its number and bytes. */
export interface NumberedGeneration3Event {
  readonly n: number;
  readonly event: Generation3Event;
  readonly body: Uint8Array;
}

/** Best first (spec kernel-runner 9.3). Other types were not sent. */
const preference = [
  'image/svg+xml',
  'image/png',
  'image/jpeg',
  'text/html',
  'audio/ogg',
  'application/x-sorna-drawing',
  'application/vnd.sorna.gitgraph',
  'text/markdown',
  'text/latex',
  'application/json',
];
const nothing = new Uint8Array(0);

/** The event as a reader of this generation of the protocol is told of it, who was sent all up to `after`. */
export const eventFor = (
  generation: number,
  numbered: NumberedRunEvent,
  after: number,
): NumberedRunEvent | NumberedGeneration3Event => (generation > 3 ? numbered : toGeneration3(numbered, after));

/** An event as generation 3 had it, for a reader who was sent all up to `after`. */
export function toGeneration3({ n, event, body }: NumberedRunEvent, after: number = n - 1): NumberedGeneration3Event {
  if (event.kind === 'error') return { n, event: { kind: 'stderr' }, body };
  if (event.kind === 'queued') return silence(n);
  if (event.kind === 'dropped') {
    // A reader who comes has never been told of what is gone.
    if (after === 0) return silence(n);
    if (after + 1 < n) return silence(after + 1);
    return { n, event: { kind: 'stderr' }, body: Buffer.from('kernelet: output before this was not kept\n') };
  }
  if (event.kind !== 'display') return { n, event, body };
  const forms = displayedForms(event.forms, body);
  const form = richest(forms);
  if (form?.type === 'text/html') return { n, event: { kind: 'html' }, body: form.body };
  if (form) return { n, event: { kind: 'media', type: form.type }, body: form.body };
  const omitted = richest(event.omitted);
  if (omitted) return { n, event: { kind: 'stderr' }, body: tooLarge(omitted) };
  const text = forms.find(({ type }) => type === 'text/plain');
  return { n, event: { kind: 'stdout' }, body: text ? Buffer.concat([text.body, newline]) : nothing };
}

/** A value of which generation 3 has one form of so many bytes. It did not say whether it was that of the code itself. */
export const fromGeneration3 = (type: string, bytes: number): RunEvent => ({
  kind: 'display',
  role: 'display',
  forms: [{ type, bytes }],
  omitted: [],
});

function richest<Form extends { readonly type: string }>(forms: readonly Form[]): Form | undefined {
  const type = preference.find((wanted) => forms.some((form) => form.type === wanted));
  return forms.find((form) => form.type === type);
}

const silence = (n: number): NumberedGeneration3Event => ({ n, event: { kind: 'stdout' }, body: nothing });

const newline = Buffer.from('\n');
function tooLarge({ type, bytes }: DisplayForm): Buffer {
  const what = type === 'text/html' ? 'HTML' : type;
  return Buffer.from(`kernelet: ${what} of ${bytes} bytes is too large to be shown; save it to a file\n`);
}
