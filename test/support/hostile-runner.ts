/** For tests of the agent's side: what a program that has taken a runner's place may write, and a socket on which it does. */
import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { protocolGeneration } from '../../src/protocol/agent-frames.ts';
import { maxFrameBytes, maxHeaderBytes } from '../../src/protocol/frame.ts';
import { corrupted } from './corrupted-documents.ts';
import { readyStatus } from './fake-runner.ts';

/** Bytes that are written, or null: the connection is closed. */
export type Script = readonly (Uint8Array | null)[];

/** A frame without the bounds that a runner of ours keeps; lengths may be other than the truth. */
export function anyFrame(header: unknown, body: Uint8Array = new Uint8Array(0), lies: Lies = {}): Uint8Array {
  const head = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(lies.length ?? 4 + head.length + body.length, 0);
  lengths.writeUInt32BE(lies.head ?? head.length, 4);
  return Buffer.concat([lengths, head, body]);
}

/** Lengths that a frame only says it has. */
export interface Lies {
  readonly length?: number | undefined;
  readonly head?: number | undefined;
}

const kernelId = '00000000-0000-4000-8000-000000000001';
const summary = { run: 'mine', phase: 'running', last: 1, oldest: 1, exitCode: null, reason: null };
const end = { exitCode: 0, reason: 'exited' };
const runs = [summary, { ...summary, run: 'other' }, { ...summary, ...end, phase: 'finished' }];
const events = [
  { kind: 'queued', behind: 'other' },
  { kind: 'started' },
  { kind: 'stdout' },
  { kind: 'media', type: 'image/png' },
  { kind: 'display', role: 'result', forms: [{ type: 'image/png', bytes: 4 }], omitted: [{ type: 'a/b', bytes: 9 }] },
  { kind: 'error', name: 'E', message: 'm' },
  { kind: 'waiting-input', prompt: '?', password: false },
  { kind: 'clean-finished', exitCode: 1 },
  { kind: 'finished', ...end },
];
const results = [
  null,
  { existing: false },
  { matches: ['a'] },
  { bytes: 4 },
  { form: 'file', size: 4, name: 'f' },
  { form: 'tar', size: null, name: 'f' },
  { path: '.', files: [{ filename: 'f', size: 1, mode: '-rw-r--r--', ctime: 1, mtime: 1, atime: 1 }], next: null },
  { contexts: [{ name: 'main', runtime: 'app', cwd: null, state: 'idle', detail: '', waiting: 0, running: 'mine' }] },
  readyStatus,
];
const ids = [1, 2, 3, 4, 5, 6, 7, 8];
/** The greeting that a runner of ours begins with. */
export const welcome = {
  t: 'welcome',
  protocol: protocolGeneration,
  kernelId,
  generation: 1,
  status: readyStatus,
  runs: [],
};

/** What a runner says in the middle of a connection, and what it answers to requests, whose ids count from 1. */
const orderly: readonly object[] = [
  ...(['ready', 'failed', 'stopping'] as const).map((phase) => ({ t: 'status', status: { ...readyStatus, phase } })),
  ...runs.map((run) => ({ t: 'run', summary: run })),
  ...events.flatMap((event) => [1, 2, 3, 7].map((n) => ({ t: 'event', run: 'mine', n, event }))),
  { t: 'event', run: 'other', n: 1, event: { kind: 'stdout' } },
  ...ids.flatMap((id) => results.map((result) => ({ t: 'reply', id, ok: true, result }))),
  ...ids.map((id) => ({ t: 'reply', id, ok: false, error: { code: 'RUN_NOT_FOUND', message: 'no' } })),
];
/** The same, and what ends a connection when it is said there. */
const headers: readonly object[] = [
  ...orderly,
  welcome,
  { ...welcome, runs },
  { t: 'refused', reason: 'secret', text: 'no' },
  { t: 'data' },
  { t: 'end' },
];

const body = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(300_000), new Uint8Array(maxFrameBytes - 200)) },
);
const header = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<unknown>(...headers) },
  { weight: 5, arbitrary: corrupted(headers) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const honest = fc.tuple(header, body).map(([head, bytes]) => anyFrame(head, bytes));
const lengths = fc.oneof(
  fc.constantFrom(0, 3, 4, maxFrameBytes, maxFrameBytes + 1, maxHeaderBytes + 1, 0xffffffff),
  fc.nat(2_000),
);
const lying = fc
  .record({
    header,
    body,
    length: fc.option(lengths, { nil: undefined }),
    head: fc.option(lengths, { nil: undefined }),
  })
  .map((lies) => anyFrame(lies.header, lies.body, lies));
const long = fc
  .constantFrom(
    { t: 'status', status: { ...readyStatus, detail: 'x'.repeat(maxHeaderBytes - 400) } },
    { t: 'event', run: 'mine', n: 2, event: { kind: 'waiting-input', prompt: 'x'.repeat(300_000), password: false } },
    { ...welcome, runs: Array.from({ length: 2_000 }, (_, index) => ({ ...summary, run: `r${index}` })) },
    { t: 'reply', id: 1, ok: true, result: { matches: Array.from({ length: 100_000 }, () => '') } },
  )
  .map((document) => anyFrame(document));

type Move = { readonly write: Uint8Array; readonly times: number } | { readonly keep: number } | 'close';
const move = fc.oneof<fc.MaybeWeightedArbitrary<Move>[]>(
  { weight: 12, arbitrary: honest.map((write) => ({ write, times: 1 })) },
  {
    weight: 2,
    arbitrary: fc.tuple(honest, fc.integer({ min: 2, max: 50 })).map(([write, times]) => ({ write, times })),
  },
  { weight: 2, arbitrary: lying.map((write) => ({ write, times: 1 })) },
  { weight: 1, arbitrary: long.map((write) => ({ write, times: 1 })) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((write) => ({ write, times: 1 })) },
  /** Of what was written last, only the beginning. */
  { weight: 1, arbitrary: fc.nat(40).map((keep) => ({ keep })) },
  { weight: 1, arbitrary: fc.constant<Move>('close') },
);

/** What goes on for long, since each of it is in order. */
const orderlyMove = fc.oneof<fc.MaybeWeightedArbitrary<Move>[]>(
  {
    weight: 20,
    arbitrary: fc
      .tuple(fc.constantFrom(...orderly), body, fc.constantFrom(1, 1, 1, 2, 40))
      .map(([head, bytes, times]) => ({ write: anyFrame(head, bytes), times })),
  },
  { weight: 1, arbitrary: long.map((write) => ({ write, times: 1 })) },
);

/** What a connection gets to read, mostly behind a greeting that is right: else little else is looked at. */
export const script: fc.Arbitrary<Script> = fc
  .tuple(
    fc.integer({ min: 0, max: 5 }),
    fc.oneof(fc.array(move, { maxLength: 25 }), fc.array(orderlyMove, { maxLength: 25 })),
  )
  .map(([greeting, moves]) => {
    const written: (Uint8Array | null)[] = greeting === 0 ? [] : [anyFrame(welcome)];
    for (const one of moves) {
      if (one === 'close') written.push(null);
      else if ('keep' in one) written.push(written.pop()?.subarray(0, one.keep) ?? new Uint8Array(0));
      else written.push(...Array.from({ length: one.times }, () => one.write));
    }
    return written;
  });

/** Connections that get a script to read, before nobody answers there any more. */
const maxPlayed = 3;

/** Plays a script to whoever connects, and then says nothing more. */
export class HostileRunner implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #script: Script;
  readonly #repeated: Script;
  readonly #played = Promise.withResolvers<void>();
  #connections = 0;

  /** `repeated` is played behind the script on and on, on each connection. */
  constructor(script: Script, repeated: Script = []) {
    this.#script = script;
    this.#repeated = repeated;
    this.#server = createServer((socket) => {
      this.#connections += 1;
      this.#sockets.add(socket.on('error', () => {}).on('data', () => {}));
      socket.on('close', () => this.#sockets.delete(socket));
      if (repeated.length > 0 || this.#connections <= maxPlayed) void this.#play(socket);
      else socket.destroy();
    });
  }

  /** Resolves when the first connection has the whole script, or is closed. */
  get played(): Promise<void> {
    return this.#played.promise;
  }

  /** How many have been made to it. */
  get connections(): number {
    return this.#connections;
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => resolve());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #play(socket: Socket): Promise<void> {
    await write(socket, this.#script);
    this.#played.resolve();
    while (this.#repeated.length > 0 && !socket.destroyed) await write(socket, this.#repeated);
  }
}

async function write(socket: Socket, script: Script): Promise<void> {
  for (const bytes of script) {
    if (bytes === null) socket.destroy();
    if (bytes === null || socket.destroyed) return;
    if (!socket.write(bytes)) await drained(socket);
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle).off('close', settle);
      resolve();
    };
    socket.on('drain', settle).on('close', settle);
  });
}
