/** A shell on a terminal that any number of connections show: those that come later, or come back, see what it has shown. */
import { type Clock, systemClock, type Timer } from '../../lib/clock.ts';
import type { TerminalSize } from '../../protocol/terminal-size.ts';
import { ReplayBuffer } from '../replay-buffer.ts';
import type { ProgramTerminal, TerminalEvents } from './program-terminal.ts';

/** What is kept of what was shown, the newest of it. */
const keptBytes = 1024 * 1024;
/** How long a shell waits for somebody to come back to it. */
export const awayMs = 10 * 60_000;

/** Somebody who looks at it. */
export interface Viewer {
  /** Takes no more for now; whoever says so says later when it does. */
  readonly full: boolean;
  show(bytes: Uint8Array): void;
  ended(): void;
}

/** What a shared terminal works with. */
export interface SharedTerminalParts {
  /** Whether it lives on for a while when nobody looks. */
  readonly isKept: boolean;
  open(events: TerminalEvents): ProgramTerminal;
  /** Its shell has ended, or nobody came back to it; told once. */
  onEnd(): void;
  readonly clock?: Clock;
}

/** One shell with its viewers. Disposing hangs it up. */
export class SharedTerminal implements Disposable {
  readonly #parts: SharedTerminalParts;
  readonly #clock: Clock;
  readonly #terminal: ProgramTerminal;
  readonly #shown = new ReplayBuffer(keptBytes, 'newest');
  /** Each with the number of what it has been shown last. */
  readonly #viewers = new Map<Viewer, number>();
  #away: Timer | null = null;
  #isOver = false;

  /** Throws as `open` does. */
  constructor(parts: SharedTerminalParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#terminal = parts.open({
      onOutput: (bytes) => {
        this.#shown.append({ kind: 'stdout' }, bytes);
        for (const viewer of this.#viewers.keys()) this.#show(viewer);
        return this.#flows;
      },
      onEnd: () => {
        for (const viewer of this.#viewers.keys()) viewer.ended();
        this.#over();
      },
    });
  }

  /** Shows somebody what is kept, and what comes. */
  join(viewer: Viewer): void {
    this.#away?.[Symbol.dispose]();
    this.#away = null;
    this.#viewers.set(viewer, 0);
    this.goOn(viewer);
  }

  /** Somebody who was full takes more again. */
  goOn(viewer: Viewer): void {
    this.#show(viewer);
    if (this.#flows) this.#terminal.resume();
  }

  /** Somebody has gone; nobody who is left waits for them. */
  leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return;
    if (this.#viewers.size > 0 || this.#parts.isKept) this.#terminal.resume();
    if (this.#viewers.size > 0) return;
    if (!this.#parts.isKept) this[Symbol.dispose]();
    else this.#away = this.#clock.after(awayMs, () => this[Symbol.dispose]());
  }

  /** Types. Resolves when the terminal has taken the bytes. */
  async type(bytes: Uint8Array): Promise<void> {
    await this.#terminal.write(bytes);
  }

  /** Of the sizes of several viewers the last one counts. */
  resize(size: TerminalSize): void {
    this.#terminal.resize(size);
  }

  [Symbol.dispose](): void {
    this.#terminal[Symbol.dispose]();
    this.#over();
  }

  /** The shell waits while all who look are behind: one who reads nothing holds up nobody but himself. */
  get #flows(): boolean {
    return this.#viewers.size === 0 || [...this.#viewers.keys()].some((viewer) => !viewer.full);
  }

  #show(viewer: Viewer): void {
    for (let sent = this.#viewers.get(viewer); sent !== undefined && !viewer.full; ) {
      const next = this.#shown.next(sent);
      if (!next) return;
      viewer.show(next.event.kind === 'dropped' ? gap : next.body);
      sent = next.n;
      this.#viewers.set(viewer, sent);
    }
  }

  /** What was hung up ends once more, when its shell does. */
  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#away?.[Symbol.dispose]();
    this.#viewers.clear();
    this.#parts.onEnd();
  }
}

const gap = Buffer.from('\r\n[output before this was not kept]\r\n');
