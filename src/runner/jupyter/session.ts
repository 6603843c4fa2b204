/**
 * A client's side of Jupyter's messages (version 5.3): the commands of the driver protocol become requests, and what the kernel
 * answers and publishes becomes the driver's events. Knows no sockets.
 */
import type { Clock, Timer } from '../../lib/clock.ts';
import { listOfThose, object, otherwise, text, truth, whole } from '../../lib/json-reader.ts';
import type { FromDriver, ToDriver } from '../driver-protocol.ts';
import type { Channel } from './connection.ts';
import type { Header, Message, MessageFormat } from './messages.ts';
import { formsOf } from './mime-bundle.ts';
import { piecesOf } from './stream-pieces.ts';

/** What a session works with. */
export interface SessionParts {
  readonly clock: Clock;
  readonly format: MessageFormat;
  /** A new id for a message. */
  newId(): string;
  send(channel: Channel, frames: readonly Buffer[]): void;
  tell(event: FromDriver): void;
  /** Sends the kernel's processes SIGINT; null where a message interrupts it. */
  readonly signalInterrupt: (() => void) | null;
  /** The kernel ends because the code has asked for it (`quit()`); the query ends with it. */
  quitting(): void;
}

type Execute = Extract<ToDriver, { op: 'execute' }>;
type Complete = Extract<ToDriver, { op: 'complete' }>;
type Content = Message['content'];

interface Query {
  readonly id: number;
  readonly messageId: string;
  /** Null until the kernel has replied. */
  exitCode: number | null;
  isIdle: boolean;
  isInterrupted: boolean;
  /** Whether it has been told of its error, which the kernel publishes and says in its reply too, in any order. */
  hasError: boolean;
  failure: Content | null;
  /** The request of whoever waits for input. */
  question: Header | null;
  /** Ends a query of which the kernel forgets to say that it is over. */
  grace: Timer | null;
}

/** How long a kernel may say nothing between its reply and its `idle`, in whatever order they come. */
const graceMs = 5000;
/** Between questions for its info, when it has replied and nothing that it publishes has arrived. */
const greetAgainMs = 200;
const maxGreetings = 3;
const maxCompletions = 16;
const interruptedStatus = 130;
/** By which Python's kernel knows the end of the input. */
const endOfInput = '\x04';
/** What IPython prints for it on a terminal. */
const clearLine = '\x1b[2K\r';

/** Puts queries to a kernel, one at a time. */
export class KernelSession {
  readonly #parts: SessionParts;
  #query: Query | null = null;
  readonly #completions = new Map<string, Complete>();
  #greetings = 0;
  #hasReplied = false;
  #hasPublished = false;
  readonly #ready = Promise.withResolvers<void>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** Whether a query runs, of which the end has not been told. */
  get isBusy(): boolean {
    return this.#query !== null;
  }

  /** Resolves when the kernel answers and what it publishes arrives: publishers take a while to know of a subscriber. */
  greet(): Promise<void> {
    this.#greetings += 1;
    this.#send('shell', 'kernel_info_request', {});
    return this.#ready.promise;
  }

  execute({ id, code }: Execute): void {
    const messageId = this.#send('shell', 'execute_request', {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: true,
      stop_on_error: true,
    });
    this.#query = {
      ...{ id, messageId, exitCode: null, isIdle: false, isInterrupted: false, hasError: false },
      ...{ failure: null, question: null, grace: null },
    };
  }

  /** Interrupts a query; one that is over is left alone. */
  interrupt(id: number): void {
    if (this.#query?.id !== id) return;
    this.#query.isInterrupted = true;
    if (this.#parts.signalInterrupt) this.#parts.signalInterrupt();
    else this.#send('control', 'interrupt_request', {});
  }

  /** Answers what the kernel asks; null is the end of the input. */
  input(answer: string | null): void {
    const parent = this.#query?.question;
    if (!this.#query || !parent) return;
    this.#query.question = null;
    const value = answer === null ? endOfInput : answer.replace(/\n$/, '');
    this.#send('stdin', 'input_reply', { value }, parent);
  }

  /** A kernel that is busy would answer after its query, when nobody waits any more. */
  complete(command: Complete): void {
    const { id, code, cursor } = command;
    if (this.#query) {
      this.#parts.tell({ ev: 'completion', id, matches: [] });
      return;
    }
    const codePoints = [...code.slice(0, cursor)].length;
    const messageId = this.#send('shell', 'complete_request', { code, cursor_pos: codePoints });
    this.#completions.set(messageId, command);
    const [oldest] = this.#completions.keys();
    if (this.#completions.size > maxCompletions && oldest !== undefined) this.#completions.delete(oldest);
  }

  shutDown(): void {
    this.#send('control', 'shutdown_request', { restart: false });
  }

  /** A message of the kernel's. What is signed wrongly, or answers what nobody waits for, is nobody's. */
  receive(channel: Channel, frames: readonly Buffer[]): void {
    const message = this.#parts.format.decode(frames);
    if (!message) return;
    if (channel === 'iopub') this.#hasPublished = true;
    if (message.type === 'kernel_info_reply') this.#greeted();
    // Some kernels publish nothing about that request: after a few they know of us.
    if (this.#hasReplied && (this.#hasPublished || this.#greetings >= maxGreetings)) this.#ready.resolve();
    if (message.type === 'complete_reply') this.#completed(message);
    else if (this.#query && message.parentId === this.#query.messageId)
      this.#receiveForQuery(this.#query, channel, message);
  }

  /** Something was larger than what is read. */
  leftOut(bytes: number): void {
    this.#stream(
      'stderr',
      `kernelet: ${bytes} bytes that the kernel sent at once are too many to be shown; save them to a file\n`,
    );
  }

  #receiveForQuery(query: Query, channel: Channel, { type, header, content }: Message): void {
    if (channel === 'iopub') this.#published(query, type, content);
    else if (type === 'execute_reply') this.#replied(query, content);
    else if (type === 'input_request') {
      query.question = header;
      const password = otherwise(truth, false)(content['password'], '');
      this.#parts.tell({ ev: 'input', prompt: textAt(content, 'prompt'), password });
    }
    if (this.#query !== query) return;
    query.grace?.[Symbol.dispose]();
    query.grace = null;
    if (query.isIdle && query.exitCode !== null) this.#finish(query);
    else if (query.isIdle || query.exitCode !== null) {
      query.grace = this.#parts.clock.after(graceMs, () => this.#finish(query));
    }
  }

  #published(query: Query, type: string, content: Content): void {
    const { tell } = this.#parts;
    switch (type) {
      case 'stream':
        this.#stream(content['name'] === 'stderr' ? 'stderr' : 'stdout', textAt(content, 'text'));
        break;
      case 'execute_result':
      case 'display_data':
      case 'update_display_data': {
        const forms = formsOf(content['data']);
        if (forms.length > 0) tell({ ev: 'display', role: type === 'execute_result' ? 'result' : 'display', forms });
        break;
      }
      case 'error':
        query.hasError = true;
        this.#error(content);
        break;
      case 'clear_output':
        this.#stream('stdout', clearLine);
        break;
      case 'status':
        if (content['execution_state'] === 'idle') query.isIdle = true;
        break;
    }
  }

  #replied(query: Query, content: Content): void {
    const isFine = content['status'] === 'ok';
    if (!isFine) query.failure = content;
    query.exitCode = isFine ? 0 : query.isInterrupted ? interruptedStatus : failureStatus(content);
    if (!asksToExit(content)) return;
    this.#query = null;
    this.shutDown();
    this.#parts.quitting();
  }

  #error(content: Content): void {
    const lines = listOfThose(text)(content['traceback'] ?? [], '');
    const traceback = lines.length > 0 ? `${lines.join('\n').replace(/\n$/, '')}\n` : '';
    const [name, message] = [textAt(content, 'ename'), textAt(content, 'evalue')];
    // A failed command of a shell's kernel has neither: its status says all.
    if (name !== '' || traceback !== '') this.#parts.tell({ ev: 'error', name, message, traceback });
  }

  #finish(query: Query): void {
    if (this.#query !== query) return;
    this.#query = null;
    query.grace?.[Symbol.dispose]();
    if (query.failure && !query.hasError) this.#error(query.failure);
    this.#parts.tell({ ev: 'done', id: query.id, exitCode: query.exitCode ?? 1 });
  }

  #stream(name: 'stdout' | 'stderr', printed: string): void {
    for (const piece of piecesOf(printed)) this.#parts.tell({ ev: 'stream', name, text: piece });
  }

  #completed({ parentId, content }: Message): void {
    const command = this.#completions.get(parentId);
    if (!command) return;
    this.#completions.delete(parentId);
    const matches = otherwise(listOfThose(text), [])(content['matches'], '');
    const start = otherwise(whole, 0)(content['cursor_start'], '');
    // A match stands for what follows its start; we tell the whole dotted name, as our own drivers do.
    const [before = ''] = /[\w.]*$/.exec([...command.code].slice(0, start).join('')) ?? [];
    this.#parts.tell({ ev: 'completion', id: command.id, matches: matches.map((match) => `${before}${match}`) });
  }

  #greeted(): void {
    this.#hasReplied = true;
    if (this.#hasPublished || this.#greetings >= maxGreetings) return;
    this.#parts.clock.after(greetAgainMs, () => {
      if (!this.#hasPublished) void this.greet();
    });
  }

  /** Sends a message and returns its id. */
  #send(channel: Channel, type: string, content: Content, parent: Header = {}): string {
    const { format, clock } = this.#parts;
    const id = this.#parts.newId();
    this.#parts.send(channel, format.encode({ id, type, content, parent }, clock.now()));
    return id;
  }
}

const textAt = (content: Content, name: string): string => otherwise(text, '')(content[name], name);

/** Of code that failed; `sys.exit(3)` is told as an error of this name. */
function failureStatus(content: Content): number {
  const status = content['ename'] === 'SystemExit' ? /^\d{1,3}$/.exec(textAt(content, 'evalue')) : null;
  return status ? Number(status[0]) & 0xff : 1;
}

const payload = object((of) => ({
  source: of('source', text),
  keepsKernel: of('keepkernel', otherwise(truth, false)),
}));

const asksToExit = (content: Content): boolean =>
  otherwise(listOfThose(payload), [])(content['payload'], '').some(
    ({ source, keepsKernel }) => source === 'ask_exit' && !keepsKernel,
  );
