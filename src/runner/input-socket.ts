/**
 * The socket by which any program of the tenant's asks for a line of input (spec kernel-runner 10): it connects, reads
 * the answer and the connection closes. A program that wants a prompt first sends one line of JSON,
 * `{"prompt": …, "password": …}`. With `"line": true` the answer ends with a newline, as a line of a file does, and
 * nothing at all is the end of the input; without it, that is an empty answer.
 */
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { object, otherwise, type Reader, readOrNull, text, truth } from '../lib/json-reader.ts';
import { listenOnPath } from './listen-on-path.ts';
import type { Run } from './run.ts';

const usualPath = '/tmp/bai-user-input.sock';
const maxReaders = 64;
/** A program that wants a prompt says so at once. */
const questionTimeoutMs = 100;
/**
 * How long a question that nobody waits for any more holds up those that come: the agent hears of each, asked for none, and
 * takes a runner that tells it too much for somebody else's.
 */
const withdrawalMs = 10;
const maxQuestion = 64 * 1024;
const unsupported = '<user-input is unsupported>';

/** Listens for the questions of the tenant's programs, and puts them to the run they belong to. */
export class InputSocket {
  readonly #clock: Clock;
  readonly #current: () => Run | null;
  readonly #path: string;
  /** From when on the next question is put. */
  #freeAt = 0;

  /** `current` is the run that a question belongs to. `path`: for tests. */
  constructor(clock: Clock, current: () => Run | null, path = usualPath) {
    this.#clock = clock;
    this.#current = current;
    this.#path = path;
  }

  /** Begins to listen. Rejects with the system's error. */
  async listen(): Promise<void> {
    const server = createServer((socket) => this.#take(socket));
    server.maxConnections = maxReaders;
    // The tenant's programs connect; nobody else is in the container.
    await listenOnPath(server, this.#path, 0o666);
    server.on('error', () => {});
  }

  #take(socket: Socket): void {
    let asked = false;
    let text = '';
    const ask = (): void => {
      if (asked) return;
      timer[Symbol.dispose]();
      const waitMs = this.#freeAt - this.#clock.monotonic();
      if (waitMs > 0) {
        timer = this.#clock.after(waitMs, ask);
        return;
      }
      asked = true;
      this.#ask(socket, text);
    };
    let timer = this.#clock.after(questionTimeoutMs, ask);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => timer[Symbol.dispose]());
    socket.on('data', (bytes) => {
      if (text.length < maxQuestion) text += bytes.toString('utf8');
      if (text.includes('\n')) ask();
    });
  }

  #ask(socket: Socket, text: string): void {
    const run = this.#current();
    const control = run?.control;
    if (!run || !control || run.replay.overfull) {
      socket.end(unsupported);
      return;
    }
    const { line, ...question } = parseQuestion(text);
    let isAnswered = false;
    const answer = (text: string | null): void => {
      isAnswered = true;
      socket.end(answerBytes(text, line));
    };
    const asked = control.ask({ ...question, answer });
    socket.on('close', () => {
      asked[Symbol.dispose]();
      if (!isAnswered) this.#freeAt = Math.max(this.#freeAt, this.#clock.monotonic()) + withdrawalMs;
    });
  }
}

/** What goes to the program that asked, for an answer or the end of the input. */
export function answerBytes(answer: string | null, line: boolean): string {
  return answer === null || !line || answer.endsWith('\n') ? (answer ?? '') : `${answer}\n`;
}

/** What a program that asks says: whether it has a prompt, and how the answer is wanted. */
interface Question {
  readonly prompt: string;
  readonly password: boolean;
  readonly line: boolean;
}

const question: Reader<Question> = object((of) => ({
  prompt: of('prompt', otherwise(text, '')),
  password: of('password', otherwise(truth, false)),
  line: of('line', otherwise(truth, false)),
}));

/** Reads the line that a program may send; anything else means no prompt. */
export const parseQuestion = (said: string): Question =>
  readOrNull(question, said.split('\n', 1)[0] ?? '') ?? { prompt: '', password: false, line: false };
