import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { FromDriver } from '../driver-protocol.ts';
import type { Channel } from './connection.ts';
import { type Message, MessageFormat } from './messages.ts';
import { KernelSession } from './session.ts';

type Content = Readonly<Record<string, unknown>>;

/** A session with the kernel's side of it, which says what the test has it say. */
class Pair {
  readonly clock = new FakeClock();
  readonly told: FromDriver[] = [];
  readonly signals: string[] = [];
  readonly requests: (Message & { readonly channel: Channel })[] = [];
  readonly #format = new MessageFormat('key', 'kernel');
  readonly session: KernelSession;
  #lastId = 0;

  constructor({ bySignal = true } = {}) {
    this.session = new KernelSession({
      clock: this.clock,
      format: new MessageFormat('key', 'client'),
      newId: () => `message-${++this.#lastId}`,
      send: (channel, frames) => {
        const message = this.#format.decode(frames);
        if (message) this.requests.push({ ...message, channel });
      },
      tell: (event) => void this.told.push(event),
      signalInterrupt: bySignal ? () => void this.signals.push('SIGINT') : null,
      quitting: () => void this.signals.push('quitting'),
    });
  }

  /** The latest request of a type. */
  request(type: string): Message & { readonly channel: Channel } {
    const found = this.requests.findLast((request) => request.type === type);
    if (!found) throw new Error(`nobody sent ${type}`);
    return found;
  }

  /** The kernel says something about the latest request of a type. */
  say(channel: Channel, type: string, content: Content, about = 'execute_request'): void {
    this.sayAbout(this.request(about).header, channel, type, content);
  }

  sayAbout(parent: Content, channel: Channel, type: string, content: Content): void {
    this.session.receive(channel, this.#format.encode({ id: `k-${++this.#lastId}`, type, content, parent }, 0));
  }

  execute(code = 'code', id = 1): void {
    this.session.execute({ op: 'execute', id, code });
  }

  finish(reply: Content = { status: 'ok' }): void {
    this.say('shell', 'execute_reply', reply);
    this.say('iopub', 'status', { execution_state: 'idle' });
  }
}

describe('a kernel that starts', () => {
  it('is ready when it has answered and what it publishes arrives', async () => {
    const pair = new Pair();
    let isReady = false;
    void pair.session.greet().then(() => {
      isReady = true;
    });
    pair.say('shell', 'kernel_info_reply', {}, 'kernel_info_request');
    await pair.clock.advance(199);
    expect([isReady, pair.requests.length]).toEqual([false, 1]);
    await pair.clock.advance(1);
    expect(pair.requests.length).toBe(2);
    pair.say('iopub', 'status', { execution_state: 'idle' }, 'kernel_info_request');
    await pair.clock.advance(1000);
    expect([isReady, pair.requests.length]).toEqual([true, 2]);
  });

  it('is ready after three answers when it publishes nothing about them', async () => {
    const pair = new Pair();
    const ready = pair.session.greet();
    for (let time = 0; time < 3; time += 1) {
      pair.say('shell', 'kernel_info_reply', {}, 'kernel_info_request');
      await pair.clock.advance(200);
    }
    await ready;
    expect([pair.requests.length, pair.clock.pending]).toEqual([3, 0]);
  });
});

describe('a query', () => {
  it('is an execute_request, and its output, displays and value come as they are', () => {
    const pair = new Pair();
    pair.execute('1 + 1', 7);
    expect(pair.request('execute_request')).toMatchObject({
      channel: 'shell',
      content: { code: '1 + 1', silent: false, store_history: true, allow_stdin: true, stop_on_error: true },
    });
    pair.say('iopub', 'status', { execution_state: 'busy' });
    pair.say('iopub', 'execute_input', { code: '1 + 1' });
    pair.say('iopub', 'stream', { name: 'stdout', text: 'out' });
    pair.say('iopub', 'stream', { name: 'stderr', text: 'err' });
    pair.say('iopub', 'display_data', { data: { 'image/png': 'aGk=\n', 'text/plain': ['a\n', 'b'] } });
    pair.say('iopub', 'update_display_data', { data: { 'application/json': { a: 1 } } });
    pair.say('iopub', 'clear_output', { wait: false });
    pair.say('iopub', 'display_data', { data: {} });
    pair.say('iopub', 'comm_open', {});
    pair.say('iopub', 'execute_result', { data: { 'text/plain': '2' } });
    pair.finish();
    expect(pair.told).toEqual([
      { ev: 'stream', name: 'stdout', text: 'out' },
      { ev: 'stream', name: 'stderr', text: 'err' },
      {
        ev: 'display',
        role: 'display',
        forms: [
          { type: 'image/png', encoding: 'base64', data: 'aGk=' },
          { type: 'text/plain', encoding: 'text', data: 'a\nb' },
        ],
      },
      { ev: 'display', role: 'display', forms: [{ type: 'application/json', encoding: 'text', data: '{"a":1}' }] },
      { ev: 'stream', name: 'stdout', text: '\x1b[2K\r' },
      { ev: 'display', role: 'result', forms: [{ type: 'text/plain', encoding: 'text', data: '2' }] },
      { ev: 'done', id: 7, exitCode: 0 },
    ]);
    expect(pair.clock.pending).toBe(0);
  });

  it('is over when the kernel has both replied and become idle, in any order', () => {
    const pair = new Pair();
    pair.execute();
    pair.say('iopub', 'status', { execution_state: 'idle' });
    expect(pair.told).toEqual([]);
    pair.say('shell', 'execute_reply', { status: 'ok' });
    expect(pair.told).toEqual([{ ev: 'done', id: 1, exitCode: 0 }]);
  });

  it('is over five seconds after the last word of a kernel that forgets one of them', async () => {
    const pair = new Pair();
    pair.execute();
    pair.say('shell', 'execute_reply', { status: 'ok' });
    await pair.clock.advance(4999);
    pair.say('iopub', 'stream', { name: 'stdout', text: 'late' });
    await pair.clock.advance(4999);
    expect(pair.told).toHaveLength(1);
    await pair.clock.advance(1);
    expect(pair.told.slice(1)).toEqual([{ ev: 'done', id: 1, exitCode: 0 }]);
  });

  it('hears nothing of other requests, of other sessions, and of what is signed wrongly', () => {
    const pair = new Pair();
    pair.execute('first', 1);
    const first = pair.request('execute_request').header;
    pair.finish();
    pair.execute('second', 2);
    pair.told.length = 0;
    const stream = { name: 'stdout', text: 'not for the second' };
    pair.sayAbout(first, 'iopub', 'stream', stream);
    pair.sayAbout({}, 'iopub', 'stream', stream);
    const forged = new MessageFormat('guessed', 'x');
    const parent = pair.request('execute_request').header;
    pair.session.receive('iopub', forged.encode({ id: 'x', type: 'stream', content: stream, parent }, 0));
    pair.session.receive('iopub', [Buffer.from('noise')]);
    expect(pair.told).toEqual([]);
  });

  it('fails with its error, told once, whichever channel tells it first', () => {
    const error = { ename: 'ZeroDivisionError', evalue: 'division by zero', traceback: ['line 1', 'line 2'] };
    const told = [
      { ev: 'error', name: 'ZeroDivisionError', message: 'division by zero', traceback: 'line 1\nline 2\n' },
      { ev: 'done', id: 1, exitCode: 1 },
    ];
    for (const order of ['published first', 'replied first', 'only replied']) {
      const pair = new Pair();
      pair.execute();
      if (order === 'published first') pair.say('iopub', 'error', error);
      pair.say('shell', 'execute_reply', { status: 'error', ...error });
      if (order === 'replied first') pair.say('iopub', 'error', error);
      pair.say('iopub', 'status', { execution_state: 'idle' });
      expect([order, pair.told]).toEqual([order, told]);
    }
  });

  it.each([
    [{ status: 'error', ename: 'SystemExit', evalue: '3' }, 3],
    [{ status: 'error', ename: 'SystemExit', evalue: 'text' }, 1],
    [{ status: 'error', ename: '', evalue: '1', traceback: [] }, 1],
    [{ status: 'aborted' }, 1],
    [{}, 1],
  ])('that is answered by %j has the status %i', (reply, exitCode) => {
    const pair = new Pair();
    pair.execute();
    pair.finish(reply);
    expect(pair.told.at(-1)).toEqual({ ev: 'done', id: 1, exitCode });
    expect(pair.told.some(({ ev }) => ev === 'error')).toBe('ename' in reply && reply.ename !== '');
  });

  it('that asks to quit has the kernel shut down, and ends with it', () => {
    const pair = new Pair();
    pair.execute();
    pair.finish({ status: 'ok', payload: [{ source: 'page' }, { source: 'ask_exit', keepkernel: false }] });
    expect(pair.request('shutdown_request')).toMatchObject({ channel: 'control', content: { restart: false } });
    expect([pair.signals, pair.told]).toEqual([['quitting'], []]);
  });

  it('says when something was too large to be read', () => {
    const pair = new Pair();
    pair.session.leftOut(200_000_000);
    expect(pair.told).toEqual([{ ev: 'stream', name: 'stderr', text: expect.stringContaining('200000000 bytes') }]);
  });

  it('has long output cut between characters', () => {
    const pair = new Pair();
    pair.execute();
    const text = `x${'\u{1f600}'.repeat(200_000)}`;
    pair.say('iopub', 'stream', { name: 'stdout', text });
    const pieces = pair.told.map((event) => (event.ev === 'stream' ? event.text : ''));
    expect(pieces.join('') === text).toBe(true);
    expect(pieces.length).toBeGreaterThan(2);
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
  });
});

describe('an interrupt', () => {
  it('is a signal, and what it ends has the status 130', () => {
    const pair = new Pair();
    pair.execute();
    pair.session.interrupt(1);
    expect([pair.signals, pair.requests.length]).toEqual([['SIGINT'], 1]);
    pair.finish({ status: 'error', ename: 'KeyboardInterrupt', evalue: '', traceback: [] });
    expect(pair.told.at(-1)).toEqual({ ev: 'done', id: 1, exitCode: 130 });
  });

  it('is a message where the kernelspec says so', () => {
    const pair = new Pair({ bySignal: false });
    pair.execute();
    pair.session.interrupt(1);
    expect(pair.request('interrupt_request').channel).toBe('control');
  });

  it('of a query that is over does nothing', () => {
    const pair = new Pair();
    pair.session.interrupt(0);
    pair.execute();
    pair.finish();
    pair.session.interrupt(1);
    expect(pair.signals).toEqual([]);
  });
});

describe('input', () => {
  it('is asked for and answered on the channel for it, without the end of the line', () => {
    const pair = new Pair();
    pair.execute();
    pair.say('stdin', 'input_request', { prompt: 'Password: ', password: true });
    pair.session.input('secret\n');
    pair.say('stdin', 'input_request', { prompt: '' });
    pair.session.input(null);
    expect(pair.told).toEqual([
      { ev: 'input', prompt: 'Password: ', password: true },
      { ev: 'input', prompt: '', password: false },
    ]);
    const replies = pair.requests.filter(({ type }) => type === 'input_reply');
    expect(replies).toMatchObject([
      { channel: 'stdin', content: { value: 'secret' }, parentId: expect.stringMatching(/^k-/) },
      { channel: 'stdin', content: { value: '\x04' } },
    ]);
  });

  it('that nobody asked for is dropped', () => {
    const pair = new Pair();
    pair.session.input('x');
    pair.execute();
    pair.session.input('x');
    expect(pair.requests.map(({ type }) => type)).toEqual(['execute_request']);
  });
});

describe('a completion', () => {
  it('counts the cursor in code points', () => {
    const pair = new Pair();
    pair.session.complete({ op: 'complete', id: 5, code: '😀 = os.pa + 1', cursor: 10 });
    expect(pair.request('complete_request')).toMatchObject({
      channel: 'shell',
      content: { code: '😀 = os.pa + 1', cursor_pos: 9 },
    });
    pair.say('shell', 'complete_reply', { matches: ['os.path', 3] }, 'complete_request');
    pair.say('shell', 'complete_reply', { matches: ['again'] }, 'complete_request');
    expect(pair.told).toEqual([{ ev: 'completion', id: 5, matches: ['os.path'] }]);
  });

  it('is the whole dotted name, where the kernel tells the rest of it', () => {
    const pair = new Pair();
    pair.session.complete({ op: 'complete', id: 5, code: '😀 = os.pa + 1', cursor: 10 });
    pair.say('shell', 'complete_reply', { matches: ['path'], cursor_start: 7, cursor_end: 9 }, 'complete_request');
    expect(pair.told).toEqual([{ ev: 'completion', id: 5, matches: ['os.path'] }]);
  });

  it('has no matches while a query runs, and the kernel is not asked', () => {
    const pair = new Pair();
    pair.execute();
    pair.session.complete({ op: 'complete', id: 5, code: 'x', cursor: 1 });
    expect(pair.told).toEqual([{ ev: 'completion', id: 5, matches: [] }]);
    expect(pair.requests).toHaveLength(1);
  });
});
