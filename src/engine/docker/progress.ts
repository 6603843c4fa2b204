/**
 * Reads the progress of pulls, pushes, imports and builds. The engine answers 200 before the work begins, so failure arrives as
 * a line of the stream.
 */
import { KerneletError } from '../../lib/errors.ts';
import type { Progress } from '../engine.ts';
import { child, type Fields, number, text } from './replies.ts';

/** Lines of output that an error repeats. */
const keptLines = 20;
/** Layers whose progress is counted; a hostile registry may name any number. */
const countedLayers = 1_000;

/** What could not be done, by its error. */
const verbs = { IMAGE_PULL_FAILED: 'pulled', IMAGE_BUILD_FAILED: 'built', IMAGE_PUSH_FAILED: 'pushed' } as const;
const transferring: ReadonlySet<string> = new Set(['Downloading', 'Pushing']);
const transferred: ReadonlySet<string> = new Set(['Download complete', 'Pull complete', 'Pushed']);

/** What one line of the stream says: progress, failure, or nothing worth showing. */
export type ProgressLine =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'failure'; readonly reason: string }
  | { readonly kind: 'nothing' };

/** Follows one operation. Pure: documents in, progress out. */
export class ProgressReader {
  readonly #layers = new Map<string, { current: number; total: number }>();
  #lastLines: string[] = [];

  /** What this line of the stream says. */
  read(line: Fields): ProgressLine {
    const reason = text(child(line, 'errorDetail'), 'message') || text(line, 'error');
    if (reason !== '') return { kind: 'failure', reason };
    const output = text(line, 'stream');
    if (output !== '') return this.#output(output);
    const status = text(line, 'status');
    return status === '' ? { kind: 'nothing' } : this.#layer(line, status);
  }

  /** The error of a failed operation: its reason and the last lines of output. */
  failure(code: keyof typeof verbs, reference: string, reason: string): KerneletError {
    const done = verbs[code];
    const output = this.#lastLines.length > 0 ? `\n${this.#lastLines.join('\n')}` : '';
    return new KerneletError(code, `image ${reference} could not be ${done}: ${reason.slice(0, 2_000)}${output}`, {
      context: { image: reference },
    });
  }

  #output(output: string): ProgressLine {
    const lines = output
      .split(/[\r\n]+/)
      .map((line) => line.trimEnd().slice(0, 500))
      .filter((line) => line !== '');
    this.#lastLines = [...this.#lastLines, ...lines].slice(-keptLines);
    const message = lines.at(-1);
    if (message === undefined) return { kind: 'nothing' };
    const step = /^Step (\d+)\/(\d+) : /.exec(message);
    const total = Number(step?.[2] ?? 0);
    if (!step || total === 0) return { kind: 'progress', progress: { message } };
    return { kind: 'progress', progress: { message, fraction: Math.min(1, (Number(step[1]) - 1) / total) } };
  }

  #layer(line: Fields, status: string): ProgressLine {
    const id = text(line, 'id');
    const detail = child(line, 'progressDetail');
    const total = number(detail, 'total');
    // Sizes are bytes; sums of what is larger than any would be no numbers.
    const isSize = Number.isSafeInteger(total) && total > 0;
    if (transferring.has(status) && isSize && (this.#layers.has(id) || this.#layers.size < countedLayers)) {
      this.#layers.set(id, { current: Math.min(number(detail, 'current'), total), total });
    }
    const layer = this.#layers.get(id);
    if (layer && transferred.has(status)) layer.current = layer.total;
    const message = id === '' ? status : `${id}: ${status}`;
    const fraction = this.#fraction();
    return { kind: 'progress', progress: fraction === undefined ? { message } : { message, fraction } };
  }

  #fraction(): number | undefined {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    return total === 0 ? undefined : Math.max(0, Math.min(1, current / total));
  }
}
