/** P6: calls of `ping` over Callosum, beside an echo by ZeroMQ alone with the same bytes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { CallosumClient } from '../../test/support/callosum-client.ts';
import type { Measure } from '../measure.ts';
import { floodRate } from '../rpc-flood.ts';
import { median } from '../statistics.ts';

const warmUps = 2_000;

interface Server extends Disposable {
  readonly endpoint: string;
}

async function start(kind: 'callosum' | 'echo'): Promise<Server> {
  const script = path.resolve(import.meta.dirname, '..', 'rpc-server.ts');
  const child = spawn(process.execPath, [script, kind], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { endpoint: String(line).trim(), [Symbol.dispose]: () => child.stdin.end() };
}

async function latencies(endpoint: string, calls: number): Promise<number[]> {
  using client = CallosumClient.connect(endpoint);
  const times: number[] = [];
  for (let index = -warmUps; index < calls; index += 1) {
    const begun = performance.now();
    const { value } = await client.call('ping', ['pong']);
    if (index >= 0) times.push(performance.now() - begun);
    if (value !== 'pong') throw new Error('the answer is another');
  }
  return times;
}

async function newConnections(endpoint: string, connections: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < connections; index += 1) {
    const begun = performance.now();
    using client = CallosumClient.connect(endpoint);
    if (!(await client.ping()) || (await client.call('ping', ['pong'])).value !== 'pong') throw new Error('no answer');
    times.push(performance.now() - begun);
  }
  return times;
}

export const rpc: Measure = {
  ids: ['P6'],
  title: 'RPC',
  async run(_, rounds) {
    using ours = await start('callosum');
    using bare = await start('echo');
    const p50 = median(await latencies(ours.endpoint, rounds(5_000, 500)));
    const fresh = median(await newConnections(ours.endpoint, rounds(300, 30)));
    const rates = { with64: [] as number[], with256: [] as number[], echo: [] as number[] };
    const floodCalls = rounds(60_000, 20_000);
    for (let round = 0; round < rounds(5, 3); round += 1) {
      rates.with64.push(await floodRate(ours.endpoint, 64, floodCalls));
      rates.with256.push(await floodRate(ours.endpoint, 256, floodCalls));
      rates.echo.push(await floodRate(bare.endpoint, 256, floodCalls));
    }
    const [with256, echo] = [median(rates.with256), median(rates.echo)];
    const ratio = '256 outstanding ÷ bare zeromq.js echo';
    return {
      P6: [
        { name: 'ping with 1 outstanding, p50', value: p50, unit: 'ms', must: 0.35, goal: 0.15 },
        { name: 'ping over a new connection, p50', value: fresh, unit: 'ms', must: 1.9, goal: 1.2 },
        {
          name: 'pings with 64 outstanding',
          value: median(rates.with64),
          unit: '/s',
          must: 15_000,
          goal: 40_000,
          larger: true,
        },
        {
          name: ratio,
          value: with256 / echo,
          unit: '',
          beside: { callsPerSecond: with256, echoesPerSecond: echo },
          must: 0.5,
          goal: 0.8,
          larger: true,
        },
      ],
    };
  },
};
