/** What chaos is played on: a node with its clients, and a kernel that must keep its memory through everything. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { engineCall } from '../support/engine-api.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { eventually, kernelsOf } from '../support/node-facts.ts';
import { checkInvariants } from '../support/node-invariants.ts';
import type { SeededRandom } from '../support/random.ts';
import { AloneNode } from './alone-node.ts';
import type { ChaosNode, ClientAction, Trouble } from './chaos-node.ts';
import { Expectations } from './expectations.ts';
import { MemberNode } from './member-node.ts';

const openers = { alone: AloneNode.open, member: MemberNode.open } as const;

/** How the node is: alone, or a member of a cluster. */
export type StageName = keyof typeof openers;
export const stageNames = Object.keys(openers) as readonly StageName[];
export const isStageName = (name: string): name is StageName => Object.hasOwn(openers, name);

const maxKernels = 4;
/** How long what had gone wrong may take to be put right: what nobody knows of is removed when it was seen twice, a minute apart. */
const settlesWithinMs = 150_000;
const secret = 'kept through everything';

export class Stage implements AsyncDisposable {
  /** What stands between the daemon and its engine. */
  readonly proxy: FaultProxy;
  readonly #node: ChaosNode;
  readonly #witness: string;
  readonly #expectations = new Expectations();
  /** What the daemon of the moment may have counted of what should never be. */
  readonly #mayCount = new Set<string>();
  #kernels: readonly string[] = [];

  private constructor(proxy: FaultProxy, node: ChaosNode, witness: string) {
    this.proxy = proxy;
    this.#node = node;
    this.#witness = witness;
  }

  /** Opens one on the engine at `DOCKER_HOST`. */
  static async open(name: StageName): Promise<Stage> {
    const socket = (process.env['DOCKER_HOST'] ?? '').replace(/^unix:\/\//, '');
    await using made = new AsyncDisposableStack();
    const place = path.join(tmpdir(), `kernelet-chaos-${process.pid}-${name}.sock`);
    const proxy = made.use(await FaultProxy.start(socket, place));
    const node = made.use(await openers[name](proxy.dockerHost));
    const witness = await node.create();
    await node.python(witness, `secret = ${JSON.stringify(secret)}`);
    made.move();
    return new Stage(proxy, node, witness);
  }

  get lastWords(): string {
    return this.#node.lastWords;
  }

  /** What can go wrong here alone. */
  get troubles(): readonly Trouble[] {
    return this.#node.troubles;
  }

  /** Begins a round: the clients, each with what it does. */
  clients(random: SeededRandom): readonly ClientAction[] {
    this.#expectations.begin([this.#witness, ...this.#kernels]);
    return Array.from({ length: random.between(1, 3) }, () => {
      const count = this.#kernels.length;
      if (count === 0 || (count < maxKernels && random.fraction() < 0.4))
        return this.#node.creation(this.#expectations);
      return random.oneOf(this.#node.actionsOn(random.oneOf(this.#kernels), this.#expectations));
    });
  }

  async replaceDaemon(): Promise<void> {
    this.#mayCount.clear();
    await this.#node.replaceDaemon();
  }

  /** Kills the container of a kernel that is no witness, as somebody at the engine might; says which. */
  async killContainer(random: SeededRandom): Promise<string> {
    const kernels = await kernelsOf(this.#node.asked);
    const there = kernels.flatMap(({ id, containerId }) =>
      id === this.#witness || containerId === null ? [] : { id, containerId },
    );
    if (there.length === 0) return 'there was none';
    const { id, containerId } = random.oneOf(there);
    this.#expectations.mayEnd(id);
    await engineCall('POST', `/containers/${containerId}/kill`);
    return `that of ${id}`;
  }

  /** Resolves when everything is right again after a trouble, with how many kernels there are; rejects with what is not. */
  async settle({ mayCount = [] }: Trouble): Promise<number> {
    for (const what of mayCount) this.#mayCount.add(what);
    const isRight = (): Promise<readonly string[]> => this.#rightKernels();
    const kernels = await eventually('everything is right again', isRight, settlesWithinMs);
    this.#kernels = kernels.filter((id) => id !== this.#witness);
    const remembered = await this.#node.python(this.#witness, 'print(secret)');
    if (remembered !== `${secret}\n`) throw new Error(`the witness remembers ${JSON.stringify(remembered)}`);
    return kernels.length;
  }

  /** Asserts that nothing is left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using _ = this.proxy;
    await this.#node[Symbol.asyncDispose]();
  }

  /** The kernels that run. Throws with what is not right. */
  async #rightKernels(): Promise<readonly string[]> {
    if (!this.#node.isServing) throw new Error('the daemon has ended by itself');
    const kernels = await checkInvariants(this.#node.asked, { mayCount: this.#mayCount });
    const live = new Set<string>(kernels.map(({ id }) => id));
    const problems = [...this.#expectations.problems(live), ...(await this.#node.problems(live))];
    if (problems.length > 0) throw new Error(problems.join('\n'));
    return [...live];
  }
}
