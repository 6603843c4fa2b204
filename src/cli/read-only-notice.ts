/** What is said when a program fails that has written where its kernel lets nobody write. */

/** The sentence for its end. */
export const readOnlyNotice =
  'the root file system of the kernel is read-only: write to /home/work or /tmp, or give --writable';

/** As the C library, Python, Node.js and shells say it (EROFS). */
const words = 'read-only file system';

/** Looks for the words in what a program prints, in pieces of any size. */
export class ReadOnlyWatch {
  #tail = '';
  #seen = false;

  /** Whether the words have come, all of them, in what was taken so far. */
  get seen(): boolean {
    return this.#seen;
  }

  /** Takes the next piece, which may begin and end in the middle of the words. */
  take(piece: Uint8Array): void {
    if (this.#seen) return;
    const text = this.#tail + Buffer.from(piece).toString('latin1').toLowerCase();
    this.#seen = text.includes(words);
    this.#tail = text.slice(1 - words.length);
  }
}
