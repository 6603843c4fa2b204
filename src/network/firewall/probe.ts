/**
 * Sends packets from a bridge as a kernel on it would, to see what the rules do rather than what they say: a namespace of
 * its own joins the bridge for a moment and asks this host for a connection.
 */
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { listen } from '../../lib/listen.ts';
import { type ProgramResult, runProgram } from '../../lib/run-program.ts';

/** `open`: this host was reached. `unknown`: nothing answered, or the namespace could not be made. */
export type ProbeResult = 'filtered' | 'open' | 'unknown';

/** Runs a program of the system. Never rejects. */
const run = (program: string, args: readonly string[], signal: AbortSignal): Promise<ProgramResult> =>
  runProgram(program, args, { signal, timeoutMs: 5_000, maxOutputBytes: 2 ** 20 });

/** Bridges of agents on this host. Never rejects. */
export async function agentBridges(signal: AbortSignal): Promise<readonly string[]> {
  const listed = await run('ip', ['-o', 'link', 'show', 'type', 'bridge'], signal);
  return [...listed.stdout.matchAll(/^\d+: (kl-[0-9a-f]{8}):/gm)].flatMap(([, name]) => name ?? []);
}

/** The last address of a network: engines give the first ones. Pure; for `172.18.0.1/16` that is `172.18.255.254`. */
export function lastAddress(address: string): string | null {
  const [, a, b, c, d, bits] = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(address) ?? [];
  const length = Number(bits);
  if (d === undefined || !(length >= 8 && length <= 29)) return null;
  const value = [a, b, c, d].reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - length);
  const last = Math.floor(value / size) * size + size - 2;
  return [24, 16, 8, 0].map((shift) => Math.floor(last / 2 ** shift) % 256).join('.');
}

/** Whether this host can be reached from a bridge of this name. Needs root. Never rejects, and leaves nothing. */
export async function probeBridge(bridge: string, signal: AbortSignal): Promise<ProbeResult> {
  const shown = await run('ip', ['-4', '-o', 'addr', 'show', bridge], signal);
  const [, own = ''] = /inet (\S+)/.exec(shown.stdout) ?? [];
  const address = lastAddress(own);
  if (address === null) return 'unknown';
  const [gateway = '', bits = ''] = own.split('/');
  const space = `kernelet-probe-${randomBytes(4).toString('hex')}`;
  const link = `kp-${space.slice(-8)}`;
  const server = createServer((socket) => socket.destroy());
  try {
    await listen(server, { host: gateway, port: 0 });
    const steps = [
      ['netns', 'add', space],
      ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space],
      ['link', 'set', link, 'master', bridge, 'up'],
      ['-n', space, 'addr', 'add', `${address}/${bits}`, 'dev', 'eth0'],
      ['-n', space, 'link', 'set', 'eth0', 'up'],
    ];
    for (const step of steps) if ((await run('ip', step, signal)).exitCode !== 0) return 'unknown';
    const target = `exec 3<>/dev/tcp/${gateway}/${(server.address() as AddressInfo).port}`;
    const tried = await run('ip', ['netns', 'exec', space, 'timeout', '3', 'bash', '-c', target], signal);
    if (tried.exitCode === 0) return 'open';
    // This host listens, so that only a filter can have refused.
    return tried.stderr.includes('refused') ? 'filtered' : 'unknown';
  } catch {
    return 'unknown';
  } finally {
    server.close();
    const enough = AbortSignal.timeout(5_000);
    // The end in the namespace takes the other one along.
    await run('ip', ['netns', 'delete', space], enough);
    await run('ip', ['link', 'delete', link], enough);
  }
}
