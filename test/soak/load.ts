/** What the clients of a node do, one thing after the other; each thing leaves the node as it was. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { startKernelet } from '../support/command.ts';
import { engineCall } from '../support/engine-api.ts';
import { type ApiCallOptions, callApi } from '../support/local-api.ts';
import { eventually } from '../support/node-facts.ts';
import type { SoakedNode } from './soaked-node.ts';

/** One thing, by what it is. It rejects when the node does not do what it should. */
export interface Work {
  readonly name: string;
  readonly begin: () => Promise<void>;
}

const sleepy = { mode: 'command', argv: ['sleep', '600'] } as const;
const twoMegabytes = 2 * 2 ** 20;

/** All that is done in a round, to the kernel that is always there and to such as come and go. */
export function workOf(node: SoakedNode, witness: string): readonly Work[] {
  const api = async (method: string, place: string, wanted: number, options: ApiCallOptions = {}): Promise<string> => {
    const { status, text } = await callApi(node.socket, method, place, options);
    if (status !== wanted) throw new Error(`${method} ${place}: ${status}, not ${wanted}: ${text.slice(0, 500)}`);
    return text;
  };
  const create = async (body: object = {}): Promise<string> => {
    const text = await api('POST', '/v1/kernels', 201, { body: { language: 'python', ...body } });
    return (JSON.parse(text) as { readonly id: string }).id;
  };
  const remove = async (id: string): Promise<void> => void (await api('DELETE', `/v1/kernels/${id}`, 200));
  const gone = (id: string): Promise<true> =>
    eventually(`${id} is gone`, async () =>
      (await callApi(node.socket, 'GET', '/v1/kernels')).text.includes(id) ? null : true,
    );
  const start = async (id: string, request: object): Promise<string> => {
    const text = await api('POST', `/v1/kernels/${id}/runs`, 202, { body: { request } });
    return `/v1/kernels/${id}/runs/${(JSON.parse(text) as { readonly run: string }).run}`;
  };
  const end = async (run: string, wanted: string): Promise<void> => {
    const events = await api('GET', `${run}/events`, 200);
    if (!events.includes(wanted)) throw new Error(`${run} did not come to ${wanted}: ${events.slice(-500)}`);
  };
  const run = async (request: object, wanted = '"exitCode":0', id = witness): Promise<void> =>
    await end(await start(id, request), wanted);
  /** Asks, and leaves when this text was among what comes. */
  const leave = async (method: string, place: string, at = '', body?: object): Promise<void> => {
    const headers = { accept: 'text/event-stream', 'content-type': 'application/json' };
    const asked = request({ socketPath: node.socket, agent: false, method, path: place, headers });
    asked.on('error', () => {});
    asked.end(body && JSON.stringify(body));
    const [response] = await once(asked, 'response');
    response.on('error', () => {});
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      if (text.includes(at)) break;
    }
    if (!text.includes(at)) throw new Error(`${place} ended before ${at}: ${text}`);
    asked.destroy();
  };
  const raw = async (bytes: Uint8Array | string): Promise<void> => {
    const client = connect(node.socket);
    client.on('error', () => {});
    client.resume();
    client.end(bytes);
    await once(client, 'close');
  };
  const kernelOf = `/v1/kernels/${witness}`;
  const files = (name: string, part = ''): string => `${kernelOf}/files${part}?path=${name}`;

  const works: Readonly<Record<string, () => Promise<unknown>>> = {
    'a query': () => run({ mode: 'query', code: 'x = 6 * 7; x' }),
    'a query that fails': () => run({ mode: 'query', code: '1 / 0' }, '"kind":"error"'),
    'a query with a picture': () =>
      run({
        mode: 'query',
        code: 'class P:\n  def _repr_png_(self): return b"x" * 9999\nP()',
      }),
    'a batch': () => run({ mode: 'batch', clean: null, build: 'true', exec: 'echo batch' }),
    'a program': () => run({ mode: 'program', source: { from: 'code', code: 'print("program")' } }),
    'a command': () => run({ mode: 'command', argv: ['echo', 'command'] }),
    'much output': () => run({ mode: 'command', argv: ['head', '-c', `${twoMegabytes}`, '/dev/zero'] }),
    'a run that is cancelled': async () => {
      const begun = await start(witness, sleepy);
      await api('POST', `${begun}/cancel`, 200, { body: {} });
      await end(begun, '"kind":"finished"');
    },
    'a run that is interrupted': async () => {
      const begun = await start(witness, { mode: 'query', code: 'import time\nprint(1, flush=True)\ntime.sleep(600)' });
      await leave('GET', `${begun}/events`, '"kind":"stdout"');
      await api('POST', `${begun}/interrupt`, 200);
      await end(begun, '"kind":"finished"');
    },
    'a run that reaches its time limit': () => run({ ...sleepy, timeoutMs: 300 }, '"kind":"finished"'),
    'a run that waits for input': async () => {
      const begun = await start(witness, { mode: 'query', code: 'input("who? ")' });
      const answered = eventually('it asks', async () =>
        (await callApi(node.socket, 'POST', `${begun}/input`, { body: { text: 'me' } })).status === 200 ? true : null,
      );
      await Promise.all([end(begun, '"kind":"finished"'), answered]);
    },
    'a run whose reader leaves': async () => {
      const begun = await start(witness, sleepy);
      await leave('GET', `${begun}/events`);
      await api('POST', `${begun}/cancel`, 200, { body: {} });
      await end(begun, '"kind":"finished"');
    },
    'a run in the background with three readers': async () => {
      const begun = await start(witness, {
        mode: 'command',
        argv: ['sh', '-c', 'while echo line; do sleep 0.01; done'],
        output: 'newest',
      });
      await Promise.all([1, 2, 3].map(() => leave('GET', `${begun}/events`)));
      await api('POST', `${begun}/cancel`, 200, { body: {} });
      await end(begun, '"kind":"finished"');
    },
    'a context': async () => {
      const text = await api('POST', `${kernelOf}/contexts`, 201, { body: {} });
      const { name } = JSON.parse(text) as { readonly name: string };
      await run({ mode: 'query', code: '1', context: name });
      await api('DELETE', `${kernelOf}/contexts/${name}`, 200);
    },
    'a file there and back': async () => {
      await api('PUT', files('file'), 200, { body: Buffer.alloc(2 ** 20, 'x') });
      await api('GET', files('file', '/content'), 200);
      await api('GET', files('.'), 200);
      await api('GET', files('.', '/content'), 200);
    },
    'work on files': async () => {
      await api('POST', `${kernelOf}/files/folder`, 200, { body: { path: 'made/below' } });
      await api('PUT', files('made/file'), 200, { body: Buffer.from('x') });
      await api('GET', files('made/file', '/stat'), 200);
      await api('POST', `${kernelOf}/files/move`, 200, { body: { from: 'made/file', to: 'made/below/file' } });
      await api('DELETE', `${files('made')}&recursive=true`, 200);
    },
    'a folder that is watched for a while': () => leave('GET', files('.', '/watch')),
    'an archive that is cut off': () =>
      raw(`PUT ${files('cut', '/archive')} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc`),
    'a file that is not there': () => api('GET', files('nothing', '/content'), 404),
    'an upload that is cut off': () =>
      raw(`PUT ${files('cut')} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc`),
    'a server on a port of the kernel': async () => {
      const begun = await start(witness, { mode: 'command', argv: ['python3', '-m', 'http.server', '8123'] });
      await eventually('it answers', async () =>
        (await callApi(node.socket, 'GET', `${kernelOf}/ports/8123/`)).status === 200 ? true : null,
      );
      await api('GET', `${kernelOf}/ports`, 200);
      await api('POST', `${begun}/cancel`, 200, { body: {} });
      await end(begun, '"kind":"finished"');
    },
    'a port on which nothing listens': () => api('GET', `${kernelOf}/ports/9/`, 502),
    'a completion': () => api('POST', `${kernelOf}/complete`, 200, { body: { code: 'imp', cursor: 3 } }),
    'a log that is followed for a while': () => leave('GET', `${kernelOf}/logs?follow=true`),
    figures: () => Promise.all([api('GET', '/metrics', 200), api('GET', `${kernelOf}/metrics`, 200)]),
    'figures that are followed for a while': () => leave('GET', '/v1/stats/follow'),
    'events that are followed for a while': () => leave('GET', '/v1/events?follow=true'),
    'a connection with garbage': () => raw('garbage\r\n\r\n'),
    'a command line that is killed': async () => {
      const client = startKernelet(['exec', witness, '-c', 'import time\nprint(1, flush=True)\ntime.sleep(1)'], {
        environment: node.environment,
      });
      if (client.stdout) await once(client.stdout, 'data');
      const ended = once(client, 'exit');
      client.kill('SIGKILL');
      await ended;
    },
    'a kernel with a port, used and removed': async () => {
      const id = await create({ publish: [8000] });
      await run({ mode: 'query', code: '6 * 7' }, '"text":"42"', id);
      await api('GET', `/v1/kernels/${id}/logs`, 200);
      await start(id, sleepy);
      await remove(id);
    },
    'a kernel without a network, restarted and removed': async () => {
      const id = await create({ network: 'none' });
      await api('POST', `/v1/kernels/${id}/restart`, 200, { body: {} });
      await run({ mode: 'query', code: '6 * 7' }, '"text":"42"', id);
      await remove(id);
    },
    'a kernel whose container is killed': async () => {
      const id = await create();
      const { containerId } = JSON.parse(await api('GET', `/v1/kernels/${id}`, 200)) as {
        readonly containerId: string;
      };
      await engineCall('POST', `/containers/${containerId}/kill`);
      await gone(id);
    },
    'a creation whose client leaves': async () => {
      const id = randomUUID();
      await leave('POST', '/v1/kernels?attached=true', '', { id, language: 'python' });
      await gone(id);
    },
    'a creation that is cut off by a removal': async () => {
      const id = randomUUID();
      const creation = callApi(node.socket, 'POST', '/v1/kernels', { body: { id, language: 'python' } });
      await eventually('it has begun', async () =>
        (await callApi(node.socket, 'DELETE', `/v1/kernels/${id}?force=true`)).status === 200 ? true : null,
      );
      await creation;
      await gone(id);
    },
    'a creation of an image that is not there': () =>
      api('POST', '/v1/kernels', 404, { body: { image: 'nobody/nothing', language: 'python', pull: 'never' } }),
    'a creation that asks for too much': () =>
      api('POST', '/v1/kernels', 409, { body: { language: 'python', memoryBytes: 2 ** 50 } }),
    'a creation with a mount that is refused': () =>
      api('POST', '/v1/kernels', 403, {
        body: { language: 'python', mounts: [{ source: '/etc', target: '/home/work/etc' }] },
      }),
  };
  return Object.entries(works).map(([name, work]) => ({ name, begin: async () => void (await work()) }));
}
