/** What chaos needs of a node under test, its clients and its troubles. */
import type { AskedNode } from '../support/node-facts.ts';
import type { SeededRandom } from '../support/random.ts';
import type { Expectations } from './expectations.ts';

/** One thing that a client does; that it may be refused is part of the game. */
export interface ClientAction {
  readonly name: string;
  begin(): Promise<void>;
}

/** Something that goes wrong while clients are served, and is over when `make` is. */
export interface Trouble {
  readonly name: string;
  /** Counts of what should never be that may rise by it. */
  readonly mayCount?: readonly string[];
  /** Gives what exactly was done, for who looks why something failed. Rejects when it could not be done. */
  make(random: SeededRandom): Promise<string>;
}

/** A node, the built daemon as a process of its own. Disposing it ends its kernels and asserts that nothing is left. */
export interface ChaosNode extends AsyncDisposable {
  readonly asked: AskedNode;
  readonly isServing: boolean;
  /** What the daemon has said last. */
  readonly lastWords: string;
  /** What can go wrong here alone. */
  readonly troubles: readonly Trouble[];
  /** Kills the daemon and starts another. */
  replaceDaemon(): Promise<void>;
  /** Makes a Python kernel; gives its id. */
  create(): Promise<string>;
  /** Runs code in it; gives what it printed. */
  python(id: string, code: string): Promise<string>;
  /** A client that makes a kernel. */
  creation(kernels: Expectations): ClientAction;
  /** What a client may do with one. */
  actionsOn(id: string, kernels: Expectations): readonly ClientAction[];
  /** What is wrong beside what must hold of every node, given the kernels that run. */
  problems(live: ReadonlySet<string>): Promise<readonly string[]>;
}
