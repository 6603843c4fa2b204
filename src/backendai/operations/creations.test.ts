import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type KernelId, newKernelId, parseSessionId, type SessionId } from '../../lib/ids.ts';
import { Creations, type CreationsParts, type RequestedKernel } from './creations.ts';

const session = parseSessionId('11111111-0000-4000-8000-000000000000');
const never = new AbortController().signal;

function setUp(change: Partial<CreationsParts> = {}) {
  const published: string[] = [];
  const asked: string[] = [];
  const noted = new Map<KernelId, SessionId>();
  const live: { id: KernelId; phase: string }[] = [];
  const clock = new FakeClock();
  /** Pulls that have been begun, to be ended by the test. */
  const pulls: { readonly reference: string; end(): void }[] = [];
  const agent = {
    list: async () => live,
    inspectImage: async () => {
      throw new KerneletError('IMAGE_NOT_FOUND', 'none');
    },
    provideImage: ({ reference }: { reference: string }, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        pulls.push({ reference, end: resolve });
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
    create: async ({ id, pull }: { id: KernelId; pull: string }) => {
      asked.push(`${id} ${pull}`);
      live.push({ id, phase: 'running' });
    },
    destroy: async () => {},
  } as unknown as CreationsParts['agent'];
  const creations = new Creations({
    agent,
    notifier: {
      notifyPulling: (id) => void published.push(`pulls ${id}`),
      notifyFailed: (id) => void published.push(`failed ${id}`),
      askResourceCheck: () => {},
      suppressTermination: async () => {},
    },
    notes: {
      begin: async (id, of) => {
        await Promise.resolve();
        noted.set(id, of);
        published.push(`noted ${id}`);
      },
      end: async (id) => void noted.delete(id),
    },
    infoOf: (id) => ({ id }) as never,
    concurrency: 1,
    pullTimeoutMs: 1000,
    clock,
    ...change,
  });
  const order = (image: string, pull: RequestedKernel['pull'] = 'digest'): RequestedKernel => ({
    id: newKernelId(),
    session,
    pull,
    imageId: 'sha256:00',
    warnings: [],
    request: { image, environ: {}, mounts: [], publish: [], interpreter: 'lazy' },
  });
  return { creations, order, published, noted, asked, pulls, clock, live, agent };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('creations', () => {
  it('pull three images at once, while kernels whose image is here are created', async () => {
    const { creations, order, pulls, asked } = setUp();
    const orders = ['a', 'b', 'c', 'd'].map((image) => order(image));
    const here = order('here', 'none');
    const made = creations.create([...orders, here], never);
    await settle();
    expect(pulls.map(({ reference }) => reference)).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual([`${here.id} never`]);
    pulls[1]?.end();
    await settle();
    expect(pulls.map(({ reference }) => reference)).toEqual(['a', 'b', 'c', 'd']);
    for (const pull of pulls) pull.end();
    expect(await made).toHaveLength(5);
  });

  it('make no more kernels at once than they may', async () => {
    const { creations, order, asked, agent } = setUp({ concurrency: 4 });
    const make = agent.create;
    const made: (() => void)[] = [];
    agent.create = async (request, signal) => {
      await new Promise<void>((resolve) => made.push(resolve));
      return await make(request, signal);
    };
    const orders = Array.from({ length: 16 }, () => order('here', 'none'));
    const all = creations.create(orders, never);
    for (let done = 0; done < orders.length; done += 1) {
      await settle();
      expect(made.length).toBe(Math.min(done + 4, orders.length));
      made[done]?.();
    }
    expect(await all).toHaveLength(16);
    expect(asked).toHaveLength(16);
  });

  it('give up a kernel whose image is pulled, and know of no other', async () => {
    const { creations, order, published, noted, pulls, asked } = setUp();
    const one = order('a');
    const made = creations.create([one], never).catch((error: unknown) => error);
    await settle();
    expect(await creations.giveUp(newKernelId())).toBe(false);
    expect(await creations.giveUp(one.id)).toBe(true);
    expect(await made).toMatchObject({ code: 'CANCELLED' });
    pulls[0]?.end();
    await settle();
    expect(asked).toEqual([]);
    expect(published).toEqual([`noted ${one.id}`, `pulls ${one.id}`, `failed ${one.id}`]);
    expect(noted.size).toBe(0);
    expect(await creations.giveUp(one.id)).toBe(false);
  });

  // @promise creation-cut-off
  it('are noted from their begin until the kernel tells of itself', async () => {
    const { creations, order, noted, asked, agent } = setUp();
    const make = agent.create;
    const turn = Promise.withResolvers<void>();
    agent.create = async (...of) => {
      await turn.promise;
      return await make(...of);
    };
    const orders = [order('here', 'none'), order('here', 'none')];
    const made = creations.create(orders, never);
    await settle();
    expect(asked).toEqual([]);
    expect(noted).toEqual(new Map(orders.map(({ id }) => [id, session])));
    turn.resolve();
    await made;
    expect(noted.size).toBe(0);
  });

  it('are refused while the disk takes no note of what is pulled', async () => {
    const notes = { begin: () => new Promise<void>(() => {}), end: async () => {} };
    const { creations, order, published, clock } = setUp({ notes });
    const made = creations.create([order('a')], never).catch((error: unknown) => error);
    await settle();
    await clock.advance(10_000);
    expect(await made).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(published).toEqual([expect.stringMatching(/^failed/)]);
  });

  it('give the same call the same outcome until what has failed of it is undone', async () => {
    const { creations, order, asked, live, agent } = setUp();
    const orders = [order('here', 'none'), order('nowhere', 'none')];
    const [good, bad] = orders.map(({ id }) => id);
    const make = agent.create;
    agent.create = async (request, signal) => {
      if (request.id === bad) throw new KerneletError('INSUFFICIENT_RESOURCES', 'no');
      return await make(request, signal);
    };
    const destroyed = Promise.withResolvers<void>();
    agent.destroy = (() => destroyed.promise) as never;
    const first = creations.create(orders, never).catch((error: unknown) => error);
    await expect.poll(() => live.map(({ id }) => id)).toEqual([good]);
    await settle();
    const second = creations.create(orders, never).catch((error: unknown) => error);
    await settle();
    destroyed.resolve();
    expect(await first).toMatchObject({ code: 'INSUFFICIENT_RESOURCES' });
    expect(await second).toBe(await first);
    expect(asked).toHaveLength(1);
  });

  it.each(['creating', 'restarting', 'terminating'])('fail for a kernel that is %s without a call', async (phase) => {
    const { creations, order, asked, live } = setUp();
    const orders = [order('a', 'none'), order('a', 'none')];
    live.push({ id: orders[0]?.id ?? newKernelId(), phase });
    await expect(creations.create(orders, never)).rejects.toMatchObject({
      code: 'KERNEL_EXISTS',
      message: expect.stringContaining(`is ${phase}`),
    });
    expect(asked).toEqual([`${orders[1]?.id} never`]);
  });

  it('wait for a pull as long as the cluster says, or for ever', async () => {
    const bounded = setUp();
    const late = bounded.creations.create([bounded.order('a')], never).catch((error: unknown) => error);
    await settle();
    await bounded.clock.advance(1000);
    expect(await late).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'Image pull timeout after 1 seconds. (img:a)',
    });
    const endless = setUp({ pullTimeoutMs: null });
    const made = endless.creations.create([endless.order('a')], never);
    await settle();
    await endless.clock.advance(86_400_000);
    endless.pulls[0]?.end();
    expect(await made).toHaveLength(1);
  });
});
