import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { nothing } from '../../src/backendai/rpc/fields.ts';
import { methods } from '../../src/backendai/rpc/methods/index.ts';
import { define, method } from '../../src/backendai/rpc/rpc-method.ts';
import { maxMessageBytes, RpcServer } from '../../src/backendai/rpc/rpc-server.ts';
import { type CurveKeys, loadCurveKeys, makeCurveKeys } from '../../src/backendai/transport/curve-keys.ts';
import { MessageRouter } from '../../src/backendai/transport/message-router.ts';
import { parseCertificate } from '../../src/backendai/wire/curve.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { runPeer } from '../support/python-peer.ts';
import { rpcServices } from '../support/rpc-services.ts';

let aborted = 0;
const sleeping = method({
  signature: define('sleep', { seconds: z.number() }, nothing),
  waitsOnly: true,
  handle: async ({ seconds }, { signal }) => {
    signal.addEventListener('abort', () => {
      aborted += 1;
    });
    await sleep(seconds * 1000, undefined, { signal });
    return null;
  },
});

async function serve(curve: CurveKeys | null, cleanups: AsyncDisposableStack): Promise<string> {
  const address = { host: '127.0.0.1', port: 0 };
  const socket = await MessageRouter.bind({ address, curve, maxMessageBytes, log: silentLogger });
  const services = rpcServices();
  const server = new RpcServer({ socket, methods: [...methods, sleeping], services, log: silentLogger });
  const done = server.run();
  cleanups.defer(async () => {
    await socket[Symbol.asyncDispose]();
    await done;
  });
  return socket.endpoint;
}

const cleanups = new AsyncDisposableStack();
let plain: { endpoint: string };
let curve: { endpoint: string; keys: { public: string; secret: string; server: string } };

beforeAll(async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-peer-'));
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
  const [agent, manager] = [await makeCurveKeys(folder, 'agent'), await makeCurveKeys(folder, 'manager')];
  const files = { agentKeypairFile: agent.secretFile, managerPublicKeyFiles: [manager.publicFile] };
  const keys = await loadCurveKeys(files, silentLogger);
  const own = parseCertificate(await readFile(manager.secretFile, 'utf8'));
  plain = { endpoint: await serve(null, cleanups) };
  curve = {
    endpoint: await serve(keys, cleanups),
    keys: { public: own.publicKey, secret: own.secretKey ?? '', server: keys.publicKey },
  };
});
afterAll(() => cleanups.disposeAsync());

describe.each(['plain', 'CURVE'] as const)('the real Callosum client, %s', (mode) => {
  const job = (task: string): object => ({ ...(mode === 'plain' ? plain : curve), task });

  // @promise same-bytes
  it('gets values back, whatever the order key, and failures as they are', async () => {
    expect(await runPeer('callosum_peer.py', job('calls'))).toEqual({
      ping: 'pong',
      equal: Array.from({ length: 12 }, () => true),
      'no key': 'no key',
      bytes: 'bytes',
      text: 'text',
      plain: { '00112233-4455-6677-8899-aabbccddeeff': ['user-requested', '0.50', '/home/work'] },
      failures: [
        ['NotImplementedError', "NotImplementedError('the method nosuch is not served')"],
        ['TypeError', 'TypeError("ping() missing 1 required positional argument: \'msg\'")'],
        ['TypeError', "TypeError('ping() takes 1 positional argument but 2 were given')"],
        ['TypeError', expect.stringContaining('shutdown_agent() argument terminate_kernels')],
      ],
      large: true,
    });
  });

  it('gets replies as they end, and its time-out ends the wait here', async () => {
    const before = aborted;
    expect(await runPeer('callosum_peer.py', job('order'))).toEqual({
      ended: [0, 0.2, 0.4, 0.6],
      timed_out: true,
      after: 'alive',
    });
    expect(aborted).toBe(before + 1);
  });

  it('is served thirty at once, and with a new connection for each call', async () => {
    const { good, new_connection_p50_ms } = await runPeer('callosum_peer.py', job('crowd'));
    expect(good).toBe(30);
    expect(new_connection_p50_ms).toBeLessThan(100);
  });
});

describe('the real Callosum client with wrong keys', () => {
  const stranger = {
    public: '.B+E=8ohK8Y9ccwWGg$B>d=4I.7ud^Q3Tx&6Rds9',
    secret: 'R?AP{N9SDuhk>nUDUUZLGpugR!LVGvJA:)n@G!hI',
  };
  const refused = { error: 'AuthenticationError' };

  it('is refused, and the manager is served all the same', async () => {
    const job = { endpoint: curve.endpoint, task: 'refused', handshake: 1 };
    const results = await Promise.all([
      runPeer('callosum_peer.py', { ...job, keys: { ...stranger, server: curve.keys.server } }),
      runPeer('callosum_peer.py', { ...job, keys: { ...curve.keys, server: stranger.public } }),
      runPeer('callosum_peer.py', job),
      runPeer('callosum_peer.py', { ...plain, task: 'refused', handshake: 1, keys: curve.keys }),
    ]);
    expect(results).toEqual([refused, refused, refused, refused]);
    expect(await runPeer('callosum_peer.py', { ...curve, task: 'refused' })).toEqual({ answer: 'x' });
  });
});
