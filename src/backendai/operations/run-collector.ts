/**
 * Gathers the events of a run into what the manager's `execute` returns (spec kernel-runner 7.3, 7.5), which knows values and
 * errors as generation 3 does. One collector lives as long as its run; each call of `execute` takes what came since the call
 * before. Pure.
 */
import type { NumberedGeneration3Event } from '../../protocol/generation-3.ts';

/** States that an answer can have. */
export type ExecuteStatus =
  | 'continued'
  | 'clean-finished'
  | 'build-finished'
  | 'finished'
  | 'exec-timeout'
  | 'waiting-input';

/** An item of the console: output, or rich output with its type. */
export type ConsoleItem =
  | readonly ['stdout' | 'stderr' | 'html', string]
  | readonly ['media', readonly [type: string, data: string]];

interface Outcome {
  readonly runId: string;
  readonly status: ExecuteStatus;
  readonly exitCode: number | null;
  readonly options: { readonly is_password: boolean } | null;
  readonly files: readonly [];
}
/** The answer from API version 2 on. */
export interface ConsoleResult extends Outcome {
  readonly console: readonly ConsoleItem[];
}
/** The answer of API version 1. */
export interface LegacyResult extends Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly media: readonly (readonly [type: string, data: string])[];
  readonly html: readonly string[];
}

type Stream = 'stdout' | 'stderr';
type End = Pick<Outcome, 'status' | 'exitCode' | 'options'>;

/**
 * Characters (UTF-16 code units) of one stream in one answer; the documented limit. An answer that has so many comes at
 * once, and what is too much comes with the next one.
 */
const maxCharacters = 524_288;
/** The same for HTML and media together, reached by an item that is taken as a whole; each counts for a few more. */
const maxRichCharacters = 4_194_304;
const richItemCharacters = 64;
/** Bytes of one event that are used; the rest is dropped. */
const maxRecordBytes = 10 * 1024 * 1024;
const binaryMedia = /^(image\/(png|jpeg)|audio\/ogg)$/;
const still: End = { status: 'continued', exitCode: null, options: null };

/** Gathers the events of one run; lives as long as the run. */
export class RunCollector {
  readonly #run: string;
  #decoders = newDecoders();
  #items: ConsoleItem[] = [];
  #pending: { readonly stream: Stream; text: string } | null = null;
  #taken: Record<Stream, number> = { stdout: 0, stderr: 0 };
  #richTaken = 0;
  /** What was too much for the answer of the moment, in order. */
  #kept: { readonly stream: Stream; readonly text: string }[] = [];
  #end: End = still;

  /** `run`: as the caller knows it. */
  constructor(run: string) {
    this.#run = run;
  }

  /** Whether there is as much as an answer holds: `take` it before adding more. */
  get isFull(): boolean {
    if (this.#kept.length > 0 || this.#richTaken >= maxRichCharacters) return true;
    return Math.max(this.#taken.stdout, this.#taken.stderr) >= maxCharacters;
  }

  /** Takes an event. Returns true when it ends the call: `take` the answer before adding more. */
  add({ event, body }: NumberedGeneration3Event): boolean {
    switch (event.kind) {
      case 'started':
        return false;
      case 'stdout':
      case 'stderr':
        this.#addText(event.kind, this.#decoders[event.kind].decode(record(body), { stream: true }));
        return this.isFull;
      case 'html':
        this.#addRich((data) => ['html', data], decodeAll(body));
        return this.isFull;
      case 'media':
        this.#addRich((data) => ['media', [event.type, data]], mediaData(event.type, body));
        return this.isFull;
      case 'waiting-input':
        // The prompt is part of what the program shows.
        this.#addText('stdout', event.prompt);
        this.#end = { status: event.kind, exitCode: null, options: { is_password: event.password } };
        return true;
      case 'clean-finished':
        this.#end = { status: event.kind, exitCode: event.exitCode, options: null };
        return true;
      case 'build-finished':
      case 'finished': {
        const timedOut = event.kind === 'finished' && event.reason === 'time-limit';
        this.#end = timedOut
          ? { status: 'exec-timeout', exitCode: null, options: null }
          : { status: event.kind, exitCode: event.exitCode, options: null };
        this.#decoders = newDecoders(); // An unfinished character at the end is dropped.
        return true;
      }
    }
  }

  /** The answer for everything added since the last one; `continued` when no event has ended the call. */
  take(apiVersion: 1): LegacyResult;
  take(apiVersion: number): ConsoleResult | LegacyResult;
  take(apiVersion: number): ConsoleResult | LegacyResult {
    this.#flush();
    const items = this.#items;
    const outcome: Outcome = { runId: this.#run, ...this.#end, files: [] };
    this.#items = [];
    this.#taken = { stdout: 0, stderr: 0 };
    this.#richTaken = 0;
    this.#end = still;
    const kept = this.#kept;
    this.#kept = [];
    for (const { stream, text } of kept) this.#addText(stream, text);
    return apiVersion === 1 ? { ...outcome, ...legacy(items) } : { ...outcome, console: items };
  }

  #addText(stream: Stream, text: string): void {
    if (text === '') return;
    // Behind what is kept already, also when there is room: output stays in its order.
    const now = this.#kept.length > 0 ? '' : cut(text, maxCharacters - this.#taken[stream]);
    if (now !== text) this.#kept.push({ stream, text: text.slice(now.length) });
    if (now === '') return;
    this.#taken[stream] += now.length;
    if (this.#pending?.stream !== stream) {
      this.#flush();
      this.#pending = { stream, text: '' };
    }
    this.#pending.text += now;
  }

  #addRich(as: (data: string) => ConsoleItem, data: string): void {
    this.#flush();
    this.#items.push(as(data));
    this.#richTaken += data.length + richItemCharacters;
  }

  #flush(): void {
    if (this.#pending) this.#items.push([this.#pending.stream, this.#pending.text]);
    this.#pending = null;
  }
}

function newDecoders() {
  const make = () => new TextDecoder('utf-8', { ignoreBOM: true });
  return { stdout: make(), stderr: make() };
}

function legacy(items: readonly ConsoleItem[]): Pick<LegacyResult, 'stdout' | 'stderr' | 'media' | 'html'> {
  const texts = (kind: Stream | 'html'): string[] => items.flatMap((item) => (item[0] === kind ? [item[1]] : []));
  const media = items.flatMap((item) => (item[0] === 'media' ? [item[1]] : []));
  return { stdout: texts('stdout').join(''), stderr: texts('stderr').join(''), media, html: texts('html') };
}

/** Pictures and sounds travel as data URIs, other media as their text. */
function mediaData(type: string, body: Uint8Array): string {
  return binaryMedia.test(type) ? `data:${type};base64,${Buffer.from(body).toString('base64')}` : decodeAll(body);
}

const decodeAll = (body: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(record(body));
const record = (body: Uint8Array): Uint8Array => body.subarray(0, maxRecordBytes);

/** The first `length` code units, without half of a pair at the end. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}
