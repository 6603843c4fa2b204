/** The system's file calls, of which those that change a file hang while the test says so. */
import { type AppendCalls, appendCalls } from '../../src/lib/appended-file.ts';

export class HangingDisk implements AppendCalls {
  #gate = Promise.resolve();
  #open = (): void => {};
  /** How often a file was synced to its end. */
  synced = 0;

  /** From here on nothing is written, synced or opened. */
  hang(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  goOn(): void {
    this.#open();
  }

  async open(path: string): Promise<number> {
    await this.#gate;
    return await appendCalls.open(path);
  }

  async write(descriptor: number, bytes: Uint8Array): Promise<number> {
    await this.#gate;
    return await appendCalls.write(descriptor, bytes);
  }

  async sync(descriptor: number): Promise<void> {
    await this.#gate;
    await appendCalls.sync(descriptor);
    this.synced += 1;
  }

  async close(descriptor: number): Promise<void> {
    await appendCalls.close(descriptor);
  }
}
