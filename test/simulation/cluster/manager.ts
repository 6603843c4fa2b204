/** The manager of a simulated cluster: what the agent tells it, and whether that is all, once and true. */
import { managerWord } from '../../../src/backendai/events/termination-words.ts';
import { decodePlain } from '../../../src/backendai/wire/extension.ts';
import type { KernelHistory } from '../history.ts';
import type { StreamEntry } from './redis-server.ts';

/** Where no exit code is known. */
const unknownExitCode = -1;

/** What a manager reads of the stream. */
export class Manager {
  /** The ends of each kernel as they were told, in their order. */
  readonly #ends = new Map<string, string[]>();
  /** When the last heartbeat came, in milliseconds since the world's begin. */
  heartbeatAt = Number.NEGATIVE_INFINITY;
  readonly #tell: (text: string) => void;
  readonly #now: () => number;

  constructor({ tell, now }: { readonly tell: (text: string) => void; readonly now: () => number }) {
    this.#tell = tell;
    this.#now = now;
  }

  take({ fields }: StreamEntry): void {
    const [, name = '', , , , args = ''] = fields;
    const event = String(name);
    if (event === 'agent_heartbeat') {
      this.heartbeatAt = this.#now();
      return;
    }
    const [kernel, , reason, exitCode] = decodePlain(Buffer.from(args)) as readonly unknown[];
    this.#tell(`manager: ${event} ${String(kernel)}`);
    if (event === 'kernel_terminated') this.#endsOf(String(kernel)).push(endText(String(reason), Number(exitCode)));
  }

  /** How what it was told of a kernel's ends differs from what the node says; null: not at all. */
  differenceOf({ id, name, told }: KernelHistory, { mayRepeat }: { readonly mayRepeat: boolean }): string | null {
    const heard = this.#endsOf(id);
    const expected = told.map(({ reason, exitCode }) => endText(managerWord(reason), exitCode ?? unknownExitCode));
    const same = mayRepeat
      ? heard.every((end) => expected.includes(end)) && expected.every((end) => heard.includes(end))
      : heard.join() === expected.join();
    return same ? null : `of ${name} the manager was told ${listed(heard)}, and the node says ${listed(expected)}`;
  }

  #endsOf(kernel: string): string[] {
    const ends = this.#ends.get(kernel) ?? [];
    this.#ends.set(kernel, ends);
    return ends;
  }
}

const endText = (reason: string, exitCode: number): string => `${reason} with ${exitCode}`;

const listed = (ends: readonly string[]): string => (ends.length === 0 ? 'of no end' : ends.join(', '));
