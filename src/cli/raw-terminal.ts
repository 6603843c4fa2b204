/**
 * The terminal of this process as a program elsewhere needs it: every key goes there as it is, and what comes is shown as it
 * is. Node's own raw mode goes on putting a carriage return before each line feed, so `stty` does it.
 */
import { spawnSync } from 'node:child_process';
import { KerneletError } from '../lib/errors.ts';

const rawWords = ['raw', '-echo', '-iexten'];

/** Raw until it is disposed, and while the process is stopped it is not. The process's end restores it too. */
export class RawTerminal implements Disposable {
  readonly #release = new DisposableStack();

  /** Throws NOT_SUPPORTED when the terminal cannot be set. */
  constructor() {
    const usual = stty(['-g']);
    if (usual === null)
      throw new KerneletError('NOT_SUPPORTED', 'the terminal cannot be set: `stty` does not work here');
    const restore = (): void => void stty([usual]);
    this.#on('exit', restore);
    // Ctrl-Z is a key of the program's; somebody else may stop this process all the same.
    this.#on('SIGTSTP', () => {
      restore();
      process.kill(process.pid, 'SIGSTOP');
    });
    this.#on('SIGCONT', () => void stty(rawWords));
    this.#release.defer(restore);
    stty(rawWords);
  }

  [Symbol.dispose](): void {
    this.#release.dispose();
  }

  #on(event: 'exit' | 'SIGTSTP' | 'SIGCONT', listener: () => void): void {
    process.on(event, listener);
    this.#release.defer(() => void process.off(event, listener));
  }
}

/** What it says; null when it fails. */
function stty(words: readonly string[]): string | null {
  const { status, stdout } = spawnSync('stty', words, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
