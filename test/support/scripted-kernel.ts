/**
 * A Jupyter kernel for tests, on ZeroMQ's own library: `node scripted-kernel.ts CONNECTION_FILE [OPTION…]`. The code of a query
 * is a list of what it does, as JSON; the steps are in `act`. Options: `--only-tcp` ends where it shall use paths,
 * `--colon` joins path and number with a colon, `--quiet` publishes nothing about requests for its info, `--slow` has a
 * last socket, for heartbeats, that it opens late.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Router } from 'zeromq';
import { loadZeromq } from '../../src/backendai/transport/zeromq.ts';
import { type Message, MessageFormat } from '../../src/runner/jupyter/messages.ts';

type Content = Readonly<Record<string, unknown>>;
/** What code of a query consists of. */
export type Step =
  | readonly ['publish', type: string, content: Content]
  | readonly ['print', text: string]
  | readonly ['ask', prompt: string, password: boolean]
  | readonly ['count']
  | readonly ['wait']
  | readonly ['reply', content: Content]
  | readonly ['die', signal: NodeJS.Signals]
  | readonly ['exit', status: number]
  | readonly ['noise']
  | readonly ['flood', messages: number, bytes: number];

const [file = '', ...options] = process.argv.slice(2);
const connection = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string>>;
const { transport, ip, key = '' } = connection;
if (options.includes('--only-tcp') && transport !== 'tcp') process.exit(1);
const separator = transport === 'tcp' || options.includes('--colon') ? ':' : '-';
const address = (channel: string): string => `${transport}://${ip}${separator}${connection[`${channel}_port`]}`;

const zmq = loadZeromq();
const format = new MessageFormat(key, randomUUID());
const iopub = new zmq.Publisher({ sendHighWaterMark: 0 });
const [shell, stdin, control] = [new zmq.Router(), new zmq.Router(), new zmq.Router()];
/** For ZeroMQ's own thread to write what was sent. */
const lastWordsMs = 100;
let count = 0;
let interrupted: (how: string) => void = () => {};

process.on('SIGINT', () => interrupted('signal'));
await Promise.all([
  ...[shell.bind(address('shell')), stdin.bind(address('stdin')), control.bind(address('control'))],
  iopub.bind(address('iopub')),
]);
if (options.includes('--slow')) {
  await sleep(200);
  await new zmq.Reply().bind(address('hb'));
}

/** A request with the name of who sent it. */
interface Request extends Message {
  readonly sender: Buffer;
}

async function receive(socket: Router): Promise<Request> {
  for (;;) {
    const [sender, ...frames] = await socket.receive();
    const message = format.decode(frames);
    if (sender && message) return { ...message, sender };
  }
}

const encode = (type: string, content: Content, { header }: Message): Buffer[] =>
  format.encode({ id: randomUUID(), type, content, parent: header }, Date.now());

const publish = (type: string, content: Content, about: Request): Promise<void> =>
  iopub.send([`topic.${type}`, ...encode(type, content, about)]);

const answer = (socket: Router, type: string, content: Content, request: Request): Promise<void> =>
  socket.send([request.sender, ...encode(type, content, request)]);

/** Does one step; returns the reply that the query then has, when the step says so. */
async function act(step: Step, request: Request): Promise<Content | null> {
  switch (step[0]) {
    case 'publish':
      await publish(step[1], step[2], request);
      return null;
    case 'print':
      process.stdout.write(step[1]);
      return null;
    case 'count':
      count += 1;
      await publish('execute_result', { execution_count: count, data: { 'text/plain': String(count) } }, request);
      return null;
    case 'ask': {
      await answer(stdin, 'input_request', { prompt: step[1], password: step[2] }, request);
      const reply = await receive(stdin);
      await publish('stream', { name: 'stdout', text: `answer: ${reply.content['value']}\n` }, request);
      return null;
    }
    case 'wait': {
      const how = await new Promise<string>((resolve) => {
        interrupted = resolve;
      });
      const error = { ename: 'Interrupted', evalue: `by ${how}`, traceback: [] };
      await publish('error', error, request);
      return { status: 'error', ...error };
    }
    case 'reply':
      return step[1];
    case 'die':
      await sleep(lastWordsMs);
      process.kill(process.pid, step[1]);
      return await new Promise(() => {});
    case 'exit':
      await sleep(lastWordsMs);
      return process.exit(step[1]);
    case 'noise':
      await iopub.send(['no message']);
      await iopub.send(['topic', '<IDS|MSG>', 'wrong signature', '{}', '{}', '{}', '{}']);
      return null;
    case 'flood':
      for (let sent = 0; sent < step[1]; sent += 1) {
        await publish('stream', { name: 'stdout', text: `${'x'.repeat(step[2] - 1)}\n` }, request);
      }
      return null;
  }
}

async function execute(request: Request): Promise<void> {
  await publish('status', { execution_state: 'busy' }, request);
  let reply: Content | null = null;
  for (const step of JSON.parse(String(request.content['code'])) as readonly Step[]) {
    reply = await act(step, request);
    if (reply) break;
  }
  await answer(shell, 'execute_reply', reply ?? { status: 'ok', execution_count: count }, request);
  await publish('status', { execution_state: 'idle' }, request);
}

async function serveShell(): Promise<void> {
  for (;;) {
    const request = await receive(shell);
    if (request.type === 'execute_request') await execute(request);
    else if (request.type === 'kernel_info_request') {
      await answer(shell, 'kernel_info_reply', { status: 'ok' }, request);
      if (!options.includes('--quiet')) await publish('status', { execution_state: 'idle' }, request);
    } else if (request.type === 'complete_request') {
      const { code, cursor_pos } = request.content;
      await answer(shell, 'complete_reply', { matches: [`${code}@${cursor_pos}`] }, request);
    }
  }
}

async function serveControl(): Promise<void> {
  for (;;) {
    const request = await receive(control);
    if (request.type === 'interrupt_request') interrupted('message');
    else if (request.type === 'shutdown_request') {
      await answer(control, 'shutdown_reply', request.content, request);
      process.exit(0);
    }
  }
}

await Promise.all([serveShell(), serveControl()]);
