/** Progress of long work on standard error: a spinner on a terminal, plain lines elsewhere. */
import { stripVTControlCharacters } from 'node:util';
import type { Progress as ProgressState } from '../http/api-types.ts';
import { describeByteSize } from '../lib/byte-size.ts';
import { printable } from '../lib/terminal-text.ts';
import type { Screen } from './screen.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
/** Plain lines: the same message is not said more often than this. */
const plainIntervalMs = 5_000;

/** The newest state of one piece of work: redrawn every 80 ms on a terminal, as lines elsewhere. */
export class Progress implements AsyncDisposable {
  readonly #screen: Screen;
  #message = '';
  #fraction: number | undefined;
  #frame = 0;
  #lastPlain = '';
  #lastPlainAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;
  #tail: Promise<void> = Promise.resolve();

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Takes the newest state of the work. */
  update(progress: ProgressState): void {
    this.#message = printable(stripVTControlCharacters(progress.message).trim()).slice(0, 500);
    this.#fraction = progress.fraction;
    if (this.#message === '') return;
    if (this.#screen.io.stderr.isTerminal) {
      if (this.#timer) return;
      this.#timer = setInterval(() => this.#draw(), frameMs).unref();
      this.#draw();
    } else {
      this.#plain();
    }
  }

  /** Passes the bytes of a transfer on and shows, on a terminal only, how many of `size` have passed. */
  async *watch(
    content: AsyncIterable<Uint8Array>,
    { message, size }: { readonly message: string; readonly size: number | null },
  ): AsyncGenerator<Uint8Array> {
    let passed = 0;
    try {
      for await (const chunk of content) {
        if (this.#screen.io.stderr.isTerminal) {
          const known = size !== null && size > 0;
          this.update(
            known ? { message, fraction: passed / size } : { message: `${message} ${describeByteSize(passed)}` },
          );
        }
        yield chunk;
        passed += chunk.length;
      }
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  #plain(): void {
    const now = performance.now();
    // Build steps differ in every line and are all worth a line; a percentage is not.
    const same = this.#message === this.#lastPlain;
    if (same && (this.#fraction === undefined || now - this.#lastPlainAt < plainIntervalMs)) return;
    this.#lastPlain = this.#message;
    this.#lastPlainAt = now;
    this.#write(`${this.#message}${this.#percent()}\n`);
  }

  #percent(): string {
    return this.#fraction === undefined ? '' : ` ${Math.floor(this.#fraction * 100)} %`;
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % frames.length;
    const frame = this.#screen.style('cyan', frames[this.#frame] ?? '');
    const room = Math.max(10, this.#screen.io.stderr.columns - 10);
    this.#drawn = true;
    this.#write(`\r\u001B[K${frame} ${this.#message.slice(0, room)}${this.#percent()}`);
  }

  #write(text: string): void {
    this.#tail = this.#tail.then(() => this.#screen.io.stderr.write(text)).catch(() => {});
  }

  /** Clears the line. The next update shows it again. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#drawn) this.#write('\r\u001B[K');
    this.#drawn = false;
    await this.#tail;
  }
}
