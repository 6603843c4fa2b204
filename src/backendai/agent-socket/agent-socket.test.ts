import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { connectTo, received } from '../../../test/support/unix-client.ts';
import { systemClock } from '../../lib/clock.ts';
import { asContainerId, newKernelId } from '../../lib/ids.ts';
import { KernelSockets } from '../../network/sockets/kernel-sockets.ts';
import { greeting, messageOf, pongCommand, readyCommand } from '../../protocol/zmtp.ts';
import { loadZeromq } from '../transport/zeromq.ts';
import { AgentSocket, type AgentSocketParts } from './agent-socket.ts';

const own = asContainerId('a'.repeat(64));
const path = () => join(folder, 'agent.sock');
/** The name of a socket of another kernel in that folder, as its container is another. */
const otherName = 'other.sock';

let folder: string;
let sockets: KernelSockets;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-agent-socket-'));
  for (const [pid, numbers] of [
    [4001, '4001\t1'],
    [4002, '4002\t17'],
    [4003, '4003'],
  ] as const) {
    await mkdir(join(folder, String(pid)));
    await writeFile(join(folder, String(pid), 'status'), `Name:\tx\nPid:\t${pid}\nNSpid:\t${numbers}\nVmPeak:\t1 kB\n`);
  }
  sockets = new KernelSockets(() => true);
});
afterEach(async () => {
  await sockets[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function listen(isJail = false, more: Partial<AgentSocketParts> = {}): Promise<void> {
  // 4003 is a process of the host.
  const engine = { listProcesses: async () => [4001, 4002] };
  const socket = new AgentSocket({ engine, isJail, clock: systemClock, processRoot: folder, ...more });
  await sockets.open(newKernelId(), folder, [
    { name: 'agent.sock', serve: socket.of(() => own) },
    { name: otherName, serve: socket.of(() => asContainerId('b'.repeat(64))) },
  ]);
}

/** As C has an int here. */
function int(value: number): Buffer {
  const bytes = Buffer.from(new Int32Array([value]).buffer);
  expect(endianness()).toBe('LE');
  return bytes;
}

/** What ZeroMQ's own library gets for a request. */
async function ask(...frames: readonly (string | Buffer)[]): Promise<readonly (number | string)[]> {
  const { Request } = loadZeromq();
  const client = new Request({ linger: 0, receiveTimeout: 10_000 });
  try {
    client.connect(`ipc://${path()}`);
    await client.send([...frames]);
    const reply = await client.receive();
    return reply.map((frame) => (frame.length === 4 ? frame.readInt32LE() : frame.toString()));
  } finally {
    client.close();
  }
}

describe('the agent socket', () => {
  // @promise agent-socket
  it('tells what processes of the kernel are called inside and outside, and of no others that they are there', async () => {
    await listen();
    expect(await ask('host-pid-to-container-pid', own, int(4002))).toEqual([0, 17]);
    expect(await ask('container-pid-to-host-pid', own, int(17))).toEqual([0, 4002]);
    for (const pid of [4003, 1, 0, -1]) expect(await ask('host-pid-to-container-pid', own, int(pid))).toEqual([0, -1]);
    expect(await ask('container-pid-to-host-pid', own, int(4003))).toEqual([0, -1]);
    expect(await ask('host-pid-to-container-pid', 'b'.repeat(64), int(4002))).toEqual([
      -1,
      'Error: this is not the container of the kernel that asks',
    ]);
  });

  it.each([false, true])('says whether there is a jail: %s', async (isJail) => {
    await listen(isJail);
    expect(await ask('is-jail-enabled')).toEqual([0, Number(isJail)]);
  });

  it('refuses what it does not know, and what is cut off, and goes on', async () => {
    await listen();
    expect(await ask('open-the-door')).toEqual([-2, 'Invalid action']);
    expect(await ask('')).toEqual([-2, 'Invalid action']);
    expect(await ask('container-pid-to-host-pid', own, Buffer.from('17'))).toEqual([
      -1,
      'Error: the number of a process has four bytes',
    ]);
    expect(await ask('container-pid-to-host-pid')).toEqual([-1, expect.stringMatching(/^Error: /)]);
    expect(await ask('is-jail-enabled')).toEqual([0, 0]);
  });

  it.each([
    ['no ZeroMQ', Buffer.alloc(64, 'x')],
    ['a request that is too long', messageOf([Buffer.alloc(0), Buffer.alloc(2000)])],
    ['a length that nobody can have', Buffer.from([2, 255, 255, 255, 255, 255, 255, 255, 255])],
  ])('closes the connection of a client that sends %s, and serves the next one', async (name, bytes) => {
    await listen();
    const client = await connectTo(path());
    client.write(name === 'no ZeroMQ' ? bytes : Buffer.concat([greeting(), readyCommand('REQ', ''), bytes]));
    await received(client);
    expect(await ask('is-jail-enabled')).toEqual([0, 0]);
  });

  it('takes bytes one by one, and many requests at once, which it answers in their order', async () => {
    await listen();
    const client = await connectTo(path());
    const request = messageOf([Buffer.from('way back'), Buffer.alloc(0), Buffer.from('is-jail-enabled')]);
    const opening = Buffer.concat([greeting(), readyCommand('DEALER', '')]);
    for (const byte of Buffer.concat([opening, request])) client.write(Buffer.from([byte]));
    client.write(Buffer.concat([request, request]));
    const reply = messageOf([Buffer.from('way back'), Buffer.alloc(0), int(0), int(0)]);
    const expected = Buffer.concat([greeting(), readyCommand('REP', ''), reply, reply, reply]).toString('latin1');
    expect(await received(client, expected.length)).toBe(expected);
    client.destroy();
  });

  it('answers one kernel no more than its share, on however many connections, and no other waits for it', async () => {
    const clock = new FakeClock();
    await listen(false, { clock, rate: { burst: 4, perSecond: 100 } });
    const opening = Buffer.concat([greeting(), readyCommand('REQ', '')]);
    const request = messageOf([Buffer.alloc(0), Buffer.from('is-jail-enabled')]);
    const reply = messageOf([Buffer.alloc(0), int(0), int(0)]).length;
    const told = greeting().length + readyCommand('REP', '').length;
    const greedy = await connectTo(path());
    greedy.write(Buffer.concat([opening, ...Array<Buffer>(10).fill(request)]));
    // Its greeting and its kind of socket are two of the four.
    expect(await received(greedy, told + 2 * reply)).toHaveLength(told + 2 * reply);
    await setTimeout(100);
    expect(greedy.readableLength).toBe(0);
    const second = await connectTo(path());
    second.write(Buffer.concat([opening, request]));
    // What it says first counts for nothing.
    expect(await received(second, greeting().length)).toHaveLength(greeting().length);
    await setTimeout(100);
    expect(second.readableLength).toBe(0);
    const other = await connectTo(join(folder, otherName));
    other.write(Buffer.concat([opening, request]));
    expect(await received(other, told + reply)).toHaveLength(told + reply);
    for (let waits = 0; waits < 6; waits += 1) await clock.advance(20);
    expect(await received(greedy, 8 * reply)).toHaveLength(8 * reply);
    for (const client of [greedy, second, other]) client.destroy();
  });

  it('takes no more from a client that does not read its answers, and goes on when it does', async () => {
    await listen(false, { rate: { burst: 1e6, perSecond: 1e6 } });
    const client = await connectTo(path());
    client.write(Buffer.concat([greeting(), readyCommand('REQ', '')]));
    const opening = greeting().length + readyCommand('REP', '').length;
    expect(await received(client, opening)).toHaveLength(opening);
    const ping = Buffer.concat([Buffer.from([4, 255, 4]), Buffer.from('PING'), Buffer.alloc(250)]);
    const count = 32 * 1024;
    let isTaken = false;
    client.write(Buffer.concat(Array<Buffer>(count).fill(ping)), () => {
      isTaken = true;
    });
    await setTimeout(500);
    expect(isTaken).toBe(false);
    const answers = count * pongCommand(Buffer.alloc(248)).length;
    expect(await received(client, answers)).toHaveLength(answers);
    expect(isTaken).toBe(true);
    client.destroy();
  });
});
