/** Progress of long work on standard error: a spinner on a terminal, plain lines elsewhere. */
import { stripVTControlCharacters } from 'node:util';
import type { ImageProgress } from '../agent/agent.ts';
import { printable } from './printable.ts';
import type { Screen } from './screen.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
/** Plain lines: the same message is not said more often than this. */
const plainIntervalMs = 5_000;

/** Shows progress until disposed. */
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
  update(progress: ImageProgress): void {
    this.#message = printable(stripVTControlCharacters(progress.message).trim()).slice(0, 500);
    this.#fraction = progress.fraction;
    if (this.#message === '') return;
    if (this.#screen.io.stderr.isTerminal) {
      this.#timer ??= setInterval(() => this.#draw(), frameMs).unref();
      this.#draw();
    } else {
      this.#plain();
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

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#drawn) this.#write('\r\u001B[K');
    this.#drawn = false;
    await this.#tail;
  }
}
