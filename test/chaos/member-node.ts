/** A member of a cluster with real etcd and Redis, whose manager must hear of each end once, whatever is away. */
import { managerWord } from '../../src/backendai/events/termination-words.ts';
import { Member, type OrderedKernel } from '../support/cluster/member.ts';
import { type ClusterServices, startServices } from '../support/cluster/services.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import { eventsOf } from '../support/node-facts.ts';
import type { ChaosNode, ClientAction, Trouble } from './chaos-node.ts';
import type { Expectations } from './expectations.ts';
import { outagesOf } from './service-outages.ts';

/** Of no language, so that a kernel is there soon. */
const tiny = 'kernelet/base:latest';
/** What calls that end a kernel which has ended already are answered with; no end of its own. */
const repeated = 'already-terminated';

export class MemberNode implements ChaosNode {
  readonly asked: Member;
  readonly troubles: readonly Trouble[];
  readonly #services: ClusterServices;
  readonly #cleanups: AsyncDisposableStack;
  readonly #kernels = new Map<string, OrderedKernel>();

  private constructor(
    parts: { readonly member: Member; readonly services: ClusterServices; readonly troubles: readonly Trouble[] },
    cleanups: AsyncDisposableStack,
  ) {
    this.asked = parts.member;
    this.#services = parts.services;
    this.troubles = parts.troubles;
    this.#cleanups = cleanups;
  }

  static async open(dockerHost: string): Promise<MemberNode> {
    await using made = new AsyncDisposableStack();
    // What Redis has taken stays, so that the stream has all that was ever told.
    const services = made.use(await startServices({ isDurable: true }));
    const { etcd, redis } = services;
    const etcdProxy = made.use(await TcpProxy.start(etcd.port));
    const redisProxy = made.use(await TcpProxy.start(redis.port));
    const settle = (): Promise<void> => services.settle({ 'config/redis/addr': `127.0.0.1:${redisProxy.port}` });
    await settle();
    const lostEtcd: Trouble = {
      name: 'etcd comes back empty',
      make: async () => {
        await etcd.restartEmpty();
        await settle();
        return '';
      },
    };
    const member = await Member.joined({
      ...{ id: 'i-chaos', etcdPort: etcdProxy.port, stream: services.stream, heartbeatS: 1 },
      ...{ dockerHost, portRange: [30_100, 30_999] },
    });
    const troubles = [
      ...outagesOf({ name: 'Redis', proxy: redisProxy, process: redis.process, write: 'EVAL' }),
      ...outagesOf({ name: 'etcd', proxy: etcdProxy, process: etcd.process, write: null }),
      lostEtcd,
    ];
    return new MemberNode({ member, services, troubles }, made.move());
  }

  get isServing(): boolean {
    return this.asked.isRunning;
  }

  get lastWords(): string {
    return this.asked.log.slice(-2_000);
  }

  async replaceDaemon(): Promise<void> {
    await this.asked.endDaemon('SIGKILL');
    await this.asked.startDaemon();
  }

  async create(image?: string): Promise<string> {
    const kernel = await this.asked.create({}, image);
    this.#kernels.set(kernel.id, kernel);
    return kernel.id;
  }

  python(id: string, code: string): Promise<string> {
    return this.asked.execute(this.#kernel(id), code);
  }

  creation(kernels: Expectations): ClientAction {
    return { name: 'create', begin: async () => kernels.mustRun(await this.create(tiny)) };
  }

  actionsOn(id: string, kernels: Expectations): readonly ClientAction[] {
    const remove = async (): Promise<void> => {
      kernels.mayEnd(id);
      await this.asked.destroy(this.#kernel(id));
      kernels.mustBeGone(id);
    };
    const execute = async (): Promise<void> => {
      const text = await this.asked.execute(this.#kernel(id), 'echo x');
      if (text !== 'x\n') kernels.lie(`execute printed ${JSON.stringify(text)}`);
    };
    return [
      { name: 'remove', begin: remove },
      { name: 'execute', begin: execute },
    ];
  }

  async problems(live: ReadonlySet<string>): Promise<readonly string[]> {
    const newest = (await this.asked.events('agent_heartbeat')).at(-1);
    const status = (await this.#services.keys())['/sorna/local/nodes/agents/i-chaos/'];
    return [
      ...(newest && Date.now() - newest.at < 5_000 ? [] : ['no heartbeat comes']),
      ...(status === 'running' ? [] : [`etcd says that the node is ${status}`]),
      ...(await this.#untold(live)),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.asked[Symbol.asyncDispose]();
    await this.#cleanups.disposeAsync();
  }

  #kernel(id: string): OrderedKernel {
    const kernel = this.#kernels.get(id);
    if (!kernel) throw new Error(`nobody has ordered ${id}`);
    return kernel;
  }

  /** What the manager was not told of a kernel's life, or was told twice or otherwise than it was. */
  async #untold(live: ReadonlySet<string>): Promise<readonly string[]> {
    const lives = new Map<string, string[]>([...live].map((id) => [id, []]));
    for (const { name, args } of await this.asked.events()) {
      const [id, , reason] = args.map(String);
      if (!name.startsWith('kernel_') || id === undefined || reason === repeated) continue;
      const told = name === 'kernel_terminated' ? `${name} ${reason}` : name;
      lives.set(id, [...(lives.get(id) ?? []), told]);
    }
    const ends = new Map<string, string>();
    for (const { event } of await eventsOf(this.asked)) {
      if (event.type === 'kernel-terminated') ends.set(event.kernelId, managerWord(event.reason));
    }
    return [...lives].flatMap(([id, told]) => {
      const end = ends.get(id);
      const last = live.has(id) ? 'kernel_started' : `kernel_terminated ${end ?? ''}`;
      const times = (word: string): number => told.filter((one) => one.startsWith(word)).length;
      const isTrue =
        times('kernel_started') <= 1 &&
        times('kernel_terminated') === (live.has(id) ? 0 : 1) &&
        told.at(-1)?.startsWith(last);
      return isTrue
        ? []
        : [`of ${id}, whose last is to be ${last}, the manager was told ${told.join(', ') || 'nothing'}`];
    });
  }
}
