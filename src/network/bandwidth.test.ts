import { describe, expect, it } from 'vitest';
import { withDeadline } from '../lib/deadline.ts';
import { parseKernelId } from '../lib/ids.ts';
import type { ProgramResult } from '../lib/run-program.ts';
import { Bandwidth, deviceOf, type RunTool } from './bandwidth.ts';

const kernel = parseKernelId('0a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d');
const done = (stdout = ''): ProgramResult => ({ exitCode: 0, stdout, stderr: '' });
const failed = (stderr: string): ProgramResult => ({ exitCode: 1, stdout: '', stderr });

const inside = JSON.stringify([{}, { ifindex: 2, ifname: 'eth0', link_index: 31 }]);
const here = JSON.stringify([
  { ifindex: 31, ifname: 'veth7', link_index: 2 },
  // Of another kernel, whose other end has the same index.
  { ifindex: 33, ifname: 'veth8', link_index: 2 },
  { ifindex: 40, ifname: 'veth9' },
]);

interface Request {
  readonly line: string;
  readonly input: string | undefined;
}

/** A machine that answers as told, and what it was asked. */
function machine(answers: Readonly<Record<string, ProgramResult>> = {}) {
  const asked: Request[] = [];
  const usual: Readonly<Record<string, ProgramResult>> = { nsenter: done(inside), 'ip -json': done(here), ...answers };
  const run: RunTool = async (program, args, _deadline, input) => {
    const line = [program, ...args].join(' ');
    asked.push({ line, input });
    return Object.entries(usual).find(([start]) => line.startsWith(start))?.[1] ?? done();
  };
  return { bandwidth: new Bandwidth(run), asked };
}

const limit = (bandwidth: Bandwidth, rate: number): Promise<void> =>
  withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => bandwidth.limit(kernel, 42, rate, deadline));
const remove = (bandwidth: Bandwidth): Promise<void> =>
  withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => bandwidth.remove(kernel, deadline));

describe('a limit', () => {
  it('shares its look at the host’s cables with others that are asked for meanwhile, and not their end', async () => {
    const asked: string[] = [];
    const begun = Promise.withResolvers<void>();
    const run: RunTool = async (program, args, { signal }) => {
      const line = [program, ...args].join(' ');
      asked.push(line);
      if (line.startsWith('nsenter')) return done(inside);
      if (!line.startsWith('ip -json')) return done();
      begun.resolve();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return signal.aborted ? failed('aborted') : done(here);
    };
    const bandwidth = new Bandwidth(run);
    const [leaving, staying] = [new AbortController(), new AbortController()];
    const limitFor = (end: AbortController): Promise<void> =>
      withDeadline({ what: 'test', timeoutMs: 5_000, signal: end.signal }, (deadline) =>
        bandwidth.limit(kernel, 42, 10e6, deadline),
      );
    const first = limitFor(staying);
    await begun.promise;
    const left = limitFor(leaving);
    const others = Array.from({ length: 20 }, () => limitFor(staying));
    leaving.abort(new Error('cancelled'));
    await expect(left).rejects.toThrow('cancelled');
    await Promise.all([first, ...others]);
    asked.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => limitFor(staying)));
    expect(asked.filter((line) => line.startsWith('ip -json')).length).toBeLessThanOrEqual(2);
  });

  it('shapes what leaves for the kernel at the host’s end, and what comes from it on a device of its own', async () => {
    const { bandwidth, asked } = machine();
    await limit(bandwidth, 10e6);
    expect(asked.map(({ line }) => line)).toEqual([
      'nsenter --net=/proc/42/ns/net ip -json link show type veth',
      'ip -json link show type veth',
      'ip link add name kb9f5d42c9697f up type ifb',
      'tc filter show dev veth7 ingress',
      'tc -batch -',
    ]);
    expect(
      asked.at(-1)?.input,
    ).toBe(`qdisc replace dev kb9f5d42c9697f root tbf rate 10000000bit burst 65536 latency 100ms
qdisc replace dev veth7 root tbf rate 10000000bit burst 65536 latency 100ms
qdisc replace dev veth7 ingress
filter add dev veth7 parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev kb9f5d42c9697f
`);
  });

  it('lets a fast network send a fiftieth of a second at once', async () => {
    const { bandwidth, asked } = machine();
    await limit(bandwidth, 1e9);
    expect(asked.at(-1)?.input).toContain('rate 1000000000bit burst 2500000 ');
  });

  it('stays as it is when it is there already', async () => {
    const { bandwidth, asked } = machine({
      'ip link add': failed('RTNETLINK answers: File exists'),
      'tc filter': done(`filter u32 ... redirect to device ${deviceOf(kernel)}`),
    });
    await limit(bandwidth, 10e6);
    expect(asked.map(({ line }) => line)).not.toContain('tc -batch -');
  });

  it.each<readonly [string, Readonly<Record<string, ProgramResult>>, RegExp]>([
    ['tc', { tc: { exitCode: -1, stdout: '', stderr: 'spawn tc ENOENT' } }, /no program tc \(package iproute2\)$/],
    [
      'ip',
      {
        ip: { exitCode: -1, stdout: '', stderr: 'spawn ip ENOENT' },
        'ip -json': { exitCode: -1, stdout: '', stderr: 'spawn ip ENOENT' },
      },
      /no program ip/,
    ],
    ['a module', { 'tc -batch': failed('Error: Specified qdisc kind is unknown.') }, /tc: Error: Specified qdisc kind/],
    ['a cable', { 'ip -json': done('[]') }, /no cable to this host$/],
  ])('is refused in one sentence without %s', async (_what, answers, text) => {
    await expect(limit(machine(answers).bandwidth, 10e6)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringMatching(/^the bandwidth of the kernel cannot be limited: /),
    });
    await expect(limit(machine(answers).bandwidth, 10e6)).rejects.toThrow(text);
  });
});

describe('the removal', () => {
  it('takes the device away, and is fine with none', async () => {
    const { bandwidth, asked } = machine();
    await remove(bandwidth);
    expect(asked.map(({ line }) => line)).toEqual(['ip link delete dev kb9f5d42c9697f']);
    await remove(machine({ 'ip link delete': failed('Cannot find device "kb9f5d42c9697f"') }).bandwidth);
  });

  it('fails when the device stays', async () => {
    await expect(
      remove(machine({ 'ip link delete': failed('Operation not permitted') }).bandwidth),
    ).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });
});
