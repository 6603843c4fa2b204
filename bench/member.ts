/** Members of a cluster with services of its own, for measures; their times are those of events on the stream. */
import path from 'node:path';
import { bundle } from '../scripts/bundle.mjs';
import { Member, type MemberOptions, type OrderedKernel } from '../test/support/cluster/member.ts';
import { type ClusterServices, startServices } from '../test/support/cluster/services.ts';
import { daemonCommand } from './daemon-process.ts';

/** A member and the services that are its own. Disposing ends both. */
export interface OwnCluster extends AsyncDisposable {
  readonly member: Member;
  readonly services: ClusterServices;
}

const root = path.resolve(import.meta.dirname, '..');
/** Starts them; the member has joined. */
export async function startCluster(options: Partial<MemberOptions> = {}): Promise<OwnCluster> {
  await using made = new AsyncDisposableStack();
  const services = made.use(await startServices());
  const place = { id: 'i-bench', etcdPort: services.etcd.port, stream: services.stream };
  const member = made.use(await Member.joined({ portRange: [22_000, 29_999], ...place, ...options }));
  const owned = made.move();
  return { member, services, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The program of a simulated member, bundled and started as the daemon is. */
export async function bundledSimulation(): Promise<readonly [string, ...string[]]> {
  const folder = path.join(root, '.cache', 'bench-simulation');
  await bundle({ member: path.join(root, 'test', 'support', 'cluster', 'simulated-member.ts') }, folder);
  return await daemonCommand(path.join(folder, 'member.js'));
}

/** When each of the kernels had this event, by the server's clock, in milliseconds since the epoch. */
export async function timesOf(member: Member, name: string, kernels: readonly OrderedKernel[]): Promise<number[]> {
  const wanted = new Set(kernels.map(({ id }) => id));
  const found = async () => (await member.events(name)).filter(({ args }) => wanted.has(String(args[0])));
  await member.until(
    `${name} of ${kernels.length} kernels`,
    async () => (await found()).length >= wanted.size,
    300_000,
  );
  return (await found()).map(({ at }) => at);
}

/** Runs `work` for every item, so many at once. */
export async function inParallel<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}
