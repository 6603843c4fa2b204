import { once } from 'node:events';
import { connect } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type Forward, forwardPort, parseForward } from './forwards.ts';

const of = (local: number, port: number, host = '127.0.0.1'): Forward => ({ host, local, port });

it.each<[string, Forward]>([
  ['8888', of(8888, 8888)],
  ['18888:8888', of(18_888, 8888)],
  [':8888', of(0, 8888)],
  ['0:8888', of(0, 8888)],
  ['0.0.0.0:80:8080', of(80, 8080, '0.0.0.0')],
  ['localhost::8080', of(0, 8080, 'localhost')],
  ['[::1]:80:8080', of(80, 8080, '::1')],
])('%s is a port to forward', (written, forward) => {
  expect(parseForward(written)).toEqual(forward);
});

it.each(['', 'x', '0', '65536', '80:0', '70000:80', '80:80:80:80', '::1:80:80', 'http', '-1', '80:'])(
  '%j is none, and what one is is said',
  (written) => {
    expect(() => parseForward(written)).toThrow(/is not a port, LOCAL:PORT or HOST:LOCAL:PORT/);
  },
);

describe('a local port', () => {
  it('carries bytes both ways, and each direction ends for itself', async () => {
    const asked: number[] = [];
    const toKernel = new PassThrough();
    const fromKernel = new PassThrough();
    const far = Duplex.from({ writable: toKernel, readable: fromKernel });
    const connectTo = async (port: number) => {
      asked.push(port);
      return far;
    };
    await using local = await forwardPort({ forward: of(0, 80), connect: connectTo, onFailure: () => {} });
    const near = connect({ host: '127.0.0.1', port: local.port, allowHalfOpen: true });
    near.end('question');
    expect(await text(toKernel)).toBe('question');
    fromKernel.end('answer');
    expect(await text(near)).toBe('answer');
    expect(asked).toEqual([80]);
  });

  it('closes a connection that cannot be made in the kernel, tells why, and goes on', async () => {
    const failures: unknown[] = [];
    const refuse = () => Promise.reject(new Error('nothing listens'));
    const onFailure = (error: unknown) => void failures.push(error);
    await using local = await forwardPort({ forward: of(0, 80), connect: refuse, onFailure });
    for (const count of [1, 2]) {
      const near = connect(local.port, '127.0.0.1').resume();
      await once(near, 'close');
      expect(failures).toHaveLength(count);
    }
  });

  it('ends its connections with itself', async () => {
    const local = await forwardPort({
      ...{ forward: of(0, 80), onFailure: () => {} },
      connect: async () => Duplex.from({ writable: new PassThrough(), readable: new PassThrough() }),
    });
    const near = connect(local.port, '127.0.0.1').resume();
    await once(near, 'connect');
    await local[Symbol.asyncDispose]();
    await once(near, 'close');
  });

  it('that is taken is an error that says so', async () => {
    const options = { connect: () => Promise.reject(new Error()), onFailure: () => {} };
    await using taken = await forwardPort({ forward: of(0, 80), ...options });
    await expect(forwardPort({ forward: of(taken.port, 80), ...options })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `the local port ${taken.port} of 127.0.0.1 cannot be listened on: EADDRINUSE`,
    });
  });
});
