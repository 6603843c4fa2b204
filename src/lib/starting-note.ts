/**
 * A note beside the socket of a daemon that is starting: what it is about, for clients that come before there is anybody to
 * answer them. It is worth nothing once its process is gone.
 */
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from './atomic-file.ts';
import { makeFolder } from './folders.ts';
import { fields, readOrNull, text, whole } from './json-reader.ts';
import { systemErrorCode } from './system-error.ts';

const note = fields({ pid: whole, text });
const pathOf = (socketPath: string): string => `${socketPath}.starting`;

/** Keeps the note of this process; what cannot be written costs clients a word and nothing else. */
export class StartingNote implements AsyncDisposable {
  readonly #path: string;
  #tail: Promise<void>;

  /** Says that the daemon which is to listen on `socketPath` is starting. */
  constructor(socketPath: string) {
    this.#path = pathOf(socketPath);
    this.#tail = makeFolder(dirname(socketPath), 0o700).catch(() => {});
    this.say('starting');
  }

  /** What it is about from now on. */
  say(about: string): void {
    const content = JSON.stringify({ pid: process.pid, text: about });
    const write = () => writeFileAtomic(this.#path, content, { durable: false });
    this.#tail = this.#tail.then(write).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    await rm(this.#path, { force: true }).catch(() => {});
  }
}

/** What a daemon that is starting is about; null: there is none. */
export async function startingText(socketPath: string): Promise<string | null> {
  const json = await readFile(pathOf(socketPath), 'utf8').catch(() => null);
  const found = json === null ? null : readOrNull(note, json);
  return found !== null && isAlive(found.pid) ? found.text : null;
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}
