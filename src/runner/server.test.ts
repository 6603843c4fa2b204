import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type AgentFrameHeader, protocolGeneration } from '../protocol/agent-frames.ts';
import { encodeFrame, FrameDecoder } from '../protocol/frame.ts';
import { parseRunnerFrameHeader, type RunnerFrameHeader } from '../protocol/runner-frames.ts';
import { ContainerLog } from './container-log.ts';
import { equalSecrets, serveRunner } from './server.ts';

const secret = 'a'.repeat(64);

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-server-'));
  const path = join(folder, 'socket');
  const clock = new FakeClock();
  const accepted: string[] = [];
  const server = await serveRunner({
    path,
    secret,
    clock,
    log: new ContainerLog(() => true, { debug: false, clock }),
    accept: (_, role, protocol) => void accepted.push(`${role} ${protocol}`),
  });
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(folder, { recursive: true });
  });
  const dial = async () => {
    const socket = connect(path);
    sockets.push(socket);
    socket.on('error', () => {});
    const headers: RunnerFrameHeader[] = [];
    const decoder = new FrameDecoder();
    socket.on('data', (chunk: Buffer) => {
      for (const { header, body } of decoder.push(chunk)) headers.push(parseRunnerFrameHeader(header, body.length));
    });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await once(socket, 'connect');
    const send = (header: AgentFrameHeader): void => {
      for (const piece of encodeFrame(header)) socket.write(piece);
    };
    return { socket, headers, closed, send };
  };
  return { path, clock, accepted, dial };
}
const hello = (change: Partial<Extract<AgentFrameHeader, { t: 'hello' }>> = {}): AgentFrameHeader => ({
  ...{ t: 'hello', protocol: 1, secret, role: 'control' },
  ...change,
});

describe('the runner’s socket', () => {
  // @promise runner-secret
  it('is root’s alone', async () => {
    const { path } = await setUp();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  // @promise runner-generations
  it('takes who knows the secret, with the lower of the two protocols', async () => {
    const { dial, accepted, clock } = await setUp();
    const control = await dial();
    control.send(hello({ protocol: 99 }));
    const file = await dial();
    file.send(hello({ role: 'file' }));
    while (accepted.length < 2) await wait(2);
    expect(accepted.toSorted()).toEqual([`control ${protocolGeneration}`, 'file 1']);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['a wrong secret', hello({ secret: 'b'.repeat(64) }), 'secret'],
    ['a secret that is only its beginning', hello({ secret: secret.slice(1) }), 'secret'],
    ['a protocol that cannot be', hello({ protocol: 0 }), 'form'],
    ['another frame first', { t: 'ack', run: 'r', n: 1 } as AgentFrameHeader, 'form'],
  ])('refuses %s, says why, and closes', async (_, header, reason) => {
    const { dial, accepted } = await setUp();
    const { send, headers, closed, socket } = await dial();
    send(header);
    socket.end();
    await closed;
    expect(headers).toMatchObject([{ t: 'refused', reason }]);
    expect(accepted).toEqual([]);
  });

  it('closes on garbage, on silence, and when there are too many', async () => {
    const { dial, clock } = await setUp();
    const garbage = await dial();
    garbage.socket.write('GET / HTTP/1.1\r\n\r\n');
    await garbage.closed;
    const silent = await dial();
    while (clock.pending === 0) await wait(2);
    await clock.advance(5000);
    await silent.closed;
    const many = await Promise.all(Array.from({ length: 77 }, dial));
    await Promise.race(many.map(({ closed }) => closed));
  });
});

it('secrets are equal only as a whole', () => {
  expect(equalSecrets(secret, secret)).toBe(true);
  for (const other of ['', 'a', `${secret}a`, `b${secret.slice(1)}`, `${secret.slice(1)}b`, secret.toUpperCase()]) {
    expect(equalSecrets(other, secret)).toBe(false);
  }
});
