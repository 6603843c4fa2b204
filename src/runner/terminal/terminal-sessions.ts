/** The shells of the web terminal: those that pages come back to by a token of their own, and those of one connection each. */
import type { TerminalSize } from '../../protocol/terminal-size.ts';
import { openTerminal, type TerminalProgram } from './program-terminal.ts';
import { SharedTerminal } from './shared-terminal.ts';

const maxShells = 64;

/** All shells of one server, 64 at most. */
export class TerminalSessions {
  readonly #program: TerminalProgram;
  readonly #shells = new Set<SharedTerminal>();
  readonly #named = new Map<string, SharedTerminal>();

  constructor(program: TerminalProgram) {
    this.#program = program;
  }

  /** Whether there is no shell, with viewers or without. */
  get isEmpty(): boolean {
    return this.#shells.size === 0;
  }

  /** The shell of a token, or a new one; null: one that nobody comes back to. Throws an Error that says why there is none. */
  get(token: string | null, size: TerminalSize): SharedTerminal {
    const known = token === null ? undefined : this.#named.get(token);
    if (known) {
      known.resize(size);
      return known;
    }
    if (this.#shells.size >= maxShells)
      throw new Error(`${maxShells} shells are open, some of which wait for their page`);
    const shell = new SharedTerminal({
      isKept: token !== null,
      open: (events) => openTerminal(this.#program, size, events),
      onEnd: () => {
        this.#shells.delete(shell);
        if (token !== null) this.#named.delete(token);
      },
    });
    this.#shells.add(shell);
    if (token !== null) this.#named.set(token, shell);
    return shell;
  }
}
