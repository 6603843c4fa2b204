/** What may become of a service of a cluster: itself, or the way to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerProcess } from '../support/cluster/server-process.ts';
import type { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import type { Trouble } from './chaos-node.ts';

/** A service with the proxy by which the member reaches it. What it has answered to is there when it is started again. */
export interface Service {
  readonly name: string;
  readonly proxy: TcpProxy;
  readonly process: ServerProcess;
  /** A word that only requests have which change something; null where they are compressed. */
  readonly write: string | null;
}

const longestMs = 6_000;

/** The outages of one service. */
export function outagesOf({ name, proxy, process, write }: Service): readonly Trouble[] {
  const during = (what: string, begin: () => void, end: () => void): Trouble => ({
    name: `${name} ${what}`,
    make: async (random) => {
      const ms = random.between(1_500, longestMs);
      begin();
      await sleep(ms);
      end();
      return `for ${ms} ms`;
    },
  });
  const set = (mode: TcpProxy['mode']): void => {
    proxy.mode = mode;
  };
  const inMode = (what: string, mode: TcpProxy['mode']): Trouble =>
    during(
      what,
      () => set(mode),
      () => set({ kind: 'pass' }),
    );
  const losesReplies = (word: string): Trouble =>
    during(
      'does everything, and its replies are lost',
      () => set({ kind: 'lose-replies', word }),
      () => {
        set({ kind: 'pass' });
        proxy.cut();
      },
    );
  return [
    ...(write === null ? [] : [losesReplies(write)]),
    inMode('is slow', { kind: 'slow', delayMs: 500 }),
    inMode('takes connections and says nothing', { kind: 'half-open' }),
    during(
      'stands still',
      () => process.freeze(),
      () => process.thaw(),
    ),
    {
      name: `all connections to ${name} are cut`,
      make: async (random) => {
        const ms = random.between(0, 1_500);
        await sleep(ms);
        proxy.cut();
        return `after ${ms} ms`;
      },
    },
    {
      name: `${name} is killed and started again`,
      make: async (random) => {
        const [atMs, awayMs] = [random.between(0, 1_500), random.between(0, 3_000)];
        await sleep(atMs);
        await process.kill();
        await sleep(awayMs);
        await process.start();
        return `after ${atMs} ms, for ${awayMs} ms`;
      },
    },
  ];
}
