import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { systemClock } from '../lib/clock.ts';
import type { RunId } from '../lib/ids.ts';
import { ContainerLog } from './container-log.ts';
import { Execution } from './execution.ts';
import { Interpreter } from './interpreter.ts';
import { OutputRoom } from './output-room.ts';
import { PipePool } from './pipe-pool.ts';
import { Run } from './run.ts';
import { Tenant } from './tenant.ts';

it('an interpreter that cannot be started says why, and has no completions', async () => {
  const clock = new FakeClock();
  const log = new ContainerLog(() => true, { debug: false, clock });
  const tenant = new Tenant({ uid: 1, gid: 1, home: '/', pipes: new PipePool('/nowhere', clock), log });
  const states: string[] = [];
  const interpreter = new Interpreter({
    tenant,
    clock,
    start: () => ({ argv: ['/nowhere'] }),
    stateChanged: (state) => void states.push(state),
  });
  expect(await interpreter.complete('x', 1)).toEqual([]);
  expect(await interpreter.start()).toContain('pipes');
  expect(states).toEqual(['starting', 'failed', 'starting', 'failed']);
});

/** Interpreters of a driver that is a few lines of JavaScript: `say(event)`, `print(text)`, and `on.execute = (message) => …`. */
function driven(script: string) {
  const frame = `
    const channel = new (require('node:net').Socket)({ fd: 3, readable: true, writable: true });
    const say = (event) => channel.write(JSON.stringify(event) + '\\n');
    const print = (text) => require('node:fs').writeSync(1, text);
    const on = {};
    require('node:readline').createInterface({ input: channel }).on('line', (line) => {
      const message = JSON.parse(line);
      on[message.op]?.(message);
    });
    ${script}`;
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const log = new ContainerLog(() => true, { debug: false });
  const tenant = new Tenant({ uid, gid, home: '/', pipes: new PipePool('/bin/sh'), log });
  let starts = 0;
  const interpreter = new Interpreter({
    tenant,
    clock: systemClock,
    start() {
      starts += 1;
      return { argv: [process.execPath, '-e', frame] };
    },
    stateChanged() {},
  });
  const query = async (code: string, meanwhile: (execution: Execution, text: () => string) => void = () => {}) => {
    const observer = { eventsAdded: () => meanwhile(execution, output), phaseChanged() {} };
    const options = { room: new OutputRoom(1024 * 1024), observer, clock: systemClock };
    const run = new Run('r' as RunId, { mode: 'query', code, timeoutMs: 10_000 }, options);
    const output = (): string => {
      const bodies: Buffer[] = [];
      for (let event = run.replay.next(0); event; event = run.replay.next(event.n))
        bodies.push(Buffer.from(event.body));
      return Buffer.concat(bodies).toString();
    };
    using execution = new Execution(run, tenant, systemClock);
    const { exitCode, reason } = await interpreter.execute(execution, code);
    return { exitCode, reason, output: output() };
  };
  return { interpreter, query, tenant, starts: () => starts };
}

describe('a driver', () => {
  it('is heard to its last word, also where its end is noticed before', async () => {
    const { interpreter, tenant } = driven(`
      const last = { ev: 'unable', isMissing: true, reason: 'no kernel' };
      channel.write(JSON.stringify(last) + '\\n', () => process.exit());`);
    const run = tenant.run.bind(tenant);
    vi.spyOn(tenant, 'run').mockImplementation(async (...command) => {
      const running = await run(...command);
      const late = new PassThrough();
      const said: Buffer[] = [];
      running.duplex(3)?.on('data', (chunk: Buffer) => said.push(chunk));
      void running.exited.then(() => setImmediate(() => late.end(Buffer.concat(said))));
      return { ...running, duplex: () => late };
    });
    expect(await interpreter.isThere()).toBe(false);
    expect([interpreter.state, await interpreter.start()]).toEqual(['none', 'no kernel']);
  });

  it('may send printed text as events', async () => {
    const { query } = driven(`
      on.execute = ({ id }) => {
        print('by stream, ');
        say({ ev: 'stream', name: 'stdout', text: 'by event é' });
        say({ ev: 'done', id, exitCode: 0 });
      };
      say({ ev: 'ready' });`);
    expect(await query('x')).toEqual({ exitCode: 0, reason: 'exited', output: 'by stream, by event é' });
  });

  it('that sends all that is printed is not heard twice', async () => {
    const { query } = driven(`
      on.execute = ({ id }) => {
        print('once');
        say({ ev: 'stream', name: 'stdout', text: 'once' });
        say({ ev: 'done', id, exitCode: 0 });
      };
      say({ ev: 'ready', streamsAreCopies: true });`);
    expect((await query('x')).output).toBe('once');
  });

  it('that interrupts by its line gets no signal', async () => {
    const { query } = driven(`
      on.execute = ({ id }) => {
        on.interrupt = () => say({ ev: 'done', id, exitCode: 130 });
        say({ ev: 'stream', name: 'stdout', text: 'on' });
      };
      say({ ev: 'ready', interruptByLine: true });`);
    const interrupted = await query('x', (execution, text) => {
      if (text() === 'on') execution.interrupt();
    });
    expect(interrupted).toEqual({ exitCode: 130, reason: 'exited', output: 'on' });
  });

  it('that finds nothing to drive is asked once', async () => {
    const { interpreter, query, starts } = driven("say({ ev: 'unable', isMissing: true, reason: 'no such kernel' })");
    expect([await interpreter.isThere(), await interpreter.isThere(), interpreter.state]).toEqual([
      false,
      false,
      'none',
    ]);
    expect(await query('x')).toMatchObject({ exitCode: 127, reason: 'unable', output: 'kernelet: no such kernel\n' });
    expect(await interpreter.complete('x', 1)).toEqual([]);
    expect(starts()).toBe(1);
  });

  it('that cannot start says why, and is tried again', async () => {
    const { interpreter, query, starts } = driven("say({ ev: 'unable', isMissing: false, reason: 'it is broken' })");
    expect(await query('x')).toMatchObject({ exitCode: 127, output: 'kernelet: it is broken\n' });
    expect([await interpreter.isThere(), interpreter.state, starts()]).toEqual([true, 'failed', 2]);
  });

  it('that ended between two queries has lost its variables, which the next one is told once', async () => {
    const { interpreter, query } = driven(`
      on.execute = ({ id, code }) => {
        say({ ev: 'done', id, exitCode: 0 });
        if (code === 'end') setTimeout(process.exit, 0, 3);
      };
      say({ ev: 'ready' });`);
    expect((await query('end')).output).toBe('');
    await vi.waitFor(() => expect(interpreter.state).toBe('idle'));
    expect((await query('x')).output).toBe(
      'kernelet: the interpreter ended with status 3 after the last query: its variables are lost\n',
    );
    expect((await query('x')).output).toBe('');
  });
});
