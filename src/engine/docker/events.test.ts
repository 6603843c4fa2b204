import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { EngineEvent } from '../engine.ts';
import { readEvent, readEvents } from './events.ts';
import { DockerTransport } from './transport.ts';
import { VersionedTransport } from './versioned-transport.ts';

describe('readEvent', () => {
  const line = (attributes: Record<string, string>, action = 'die'): unknown => ({
    Type: 'container',
    Action: action,
    Actor: { ID: 'abc', Attributes: { name: 'kernel.1', image: 'x', ...attributes } },
  });
  const read = (value: unknown): EngineEvent | undefined => readEvent(Object(value));

  it('reads an event, its labels apart from its facts', () => {
    expect(read(line({ exitCode: '137', owner: 'me' }))).toEqual({
      type: 'container',
      action: 'died',
      id: 'abc',
      name: 'kernel.1',
      labels: { owner: 'me' },
      exitCode: 137,
    });
  });

  it('takes unknown actions and odd values for hints without content', () => {
    expect(read(line({ exitCode: '1e9' }, 'exec_start: x'))).toMatchObject({ action: 'other' });
    expect(read(line({ exitCode: '1e9' }))).not.toHaveProperty('exitCode');
    expect(read(line({}, 'constructor'))).toMatchObject({ action: 'other' });
    expect(read({ Type: 'network', Action: 'connect' })).toBeUndefined();
    expect(read({ Type: 'container', Action: 'die' })).toBeUndefined();
  });
});

describe('readEvents', () => {
  let folder: string;
  let server: http.Server;
  let transport: VersionedTransport;
  /** What each connection to /events does, in turn; the last one stays. */
  let acts: ((response: http.ServerResponse) => void)[];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'events-'));
    server = http.createServer((request, response) => {
      if (request.url === '/version') response.end('{"ApiVersion":"1.41"}');
      else acts.shift()?.(response);
    });
    await new Promise<void>((resolve) => server.listen(path.join(folder, 's'), resolve));
    transport = new VersionedTransport(new DockerTransport(path.join(folder, 's')));
  });

  afterEach(async () => {
    transport[Symbol.dispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  const die = '{"Type":"container","Action":"die","Actor":{"ID":"a","Attributes":{"name":"n"}}}\n';

  it('reconnects after every kind of loss, announcing each loss and each connection once', async () => {
    acts = [
      (response) => {
        response.write(die.slice(0, 20));
        setTimeout(() => response.write(die.slice(20), () => response.socket?.destroy()), 5);
      },
      (response) => {
        response.statusCode = 500;
        response.end('{"message":"not yet"}');
      },
      (response) => response.socket?.destroy(),
      (response) => response.end(die),
      (response) => response.end('not JSON\n'),
      (response) => response.flushHeaders(),
    ];
    const clock = new FakeClock();
    const controller = new AbortController();
    const ticking = setInterval(() => clock.advance(5_000), 1);
    const seen: string[] = [];
    for await (const event of readEvents(transport, clock, controller.signal)) {
      seen.push(event.type === 'container' ? event.action : event.type);
      if (seen.filter((word) => word === 'connected').length === 4) controller.abort();
    }
    clearInterval(ticking);
    const life = ['connected', 'died', 'disconnected'];
    expect(seen).toEqual([...life, ...life, 'connected', 'disconnected', 'connected']);
  });

  it('ends at once when the signal has aborted, also while it waits', async () => {
    acts = [];
    const controller = new AbortController();
    const reading = readEvents(transport, new FakeClock(), controller.signal).next();
    setTimeout(() => controller.abort(), 20);
    expect(await reading).toEqual({ done: true, value: undefined });
  });
});
