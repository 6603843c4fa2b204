/** A terminal of this machine with a shell on it, as a person sits before it. */
import path from 'node:path';
import { vi } from 'vitest';
import type { TerminalSize } from '../../src/protocol/terminal-size.ts';
import { openTerminal, type ProgramTerminal } from '../../src/runner/terminal/program-terminal.ts';
import { program } from './command.ts';

const patience = { timeout: 60_000, interval: 10 };

/** Its shell finds `kernelet`, prompts with `$ `, and keeps to what it is told. */
export class RealTerminal implements Disposable {
  readonly #terminal: ProgramTerminal;
  #from = 0;
  /** Everything that was shown so far. */
  #shown = '';

  constructor(environment: Readonly<Record<string, string>>, folder: string, size: TerminalSize) {
    const searchPath = `${path.dirname(program)}:${process.env['PATH'] ?? ''}`;
    const environ = { ...environment, PATH: searchPath, HOME: folder, PS1: '$ ', NO_COLOR: '1' };
    const argv = ['bash', '--norc', '--noprofile', '--noediting', '-i'];
    this.#terminal = openTerminal({ argv, environ, folder, launcher: '/bin/sh' }, size, {
      onOutput: (bytes) => {
        this.#shown += Buffer.from(bytes).toString();
        return true;
      },
      onEnd: () => {},
    });
  }

  /** Types keys; what is shown from now on counts for `shows`. */
  async type(keys: string): Promise<void> {
    this.#from = this.#shown.length;
    await this.#terminal.write(Buffer.from(keys));
  }

  /** Types a line, once there is a prompt or whatever else is waited for. */
  async line(text: string, after: string | RegExp = /\$ $/): Promise<void> {
    await this.shows(after);
    await this.type(`${text}\r`);
  }

  /** Waits for what is shown since the last keys. */
  async shows(text: string | RegExp): Promise<string> {
    await vi.waitFor(() => {
      if (!(typeof text === 'string' ? this.#new.includes(text) : text.test(this.#new))) {
        throw new Error(`${text} is not shown: ${JSON.stringify(this.#new.slice(-2000))}`);
      }
    }, patience);
    return this.#new;
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize({ columns, rows });
  }

  get #new(): string {
    return this.#shown.slice(this.#from);
  }

  [Symbol.dispose](): void {
    this.#terminal[Symbol.dispose]();
  }
}
