/**
 * Host ports on loan to managers, which hand them to the kernels of a session that uses the host's network (spec rpc
 * 8.28, 8.29). A loan that nobody returns ends by itself.
 */
import type { PortLeases } from '../../kernel/leases.ts';
import type { Clock } from '../../lib/clock.ts';
import { type KernelId, newKernelId } from '../../lib/ids.ts';

interface Loan {
  /** Whom the pool knows as the holder: a kernel that does not exist. */
  readonly holder: KernelId;
  /** In monotonic milliseconds. */
  readonly endsAt: number;
}

/** A session that has not begun by then never will. */
const loanMs = 3_600_000;

/** The loans. They are this process's: a restart gives all ports back. */
export class PortReservations {
  readonly #ports: Pick<PortLeases, 'lease' | 'release'>;
  readonly #clock: Clock;
  readonly #loans = new Map<number, Loan>();

  constructor(ports: Pick<PortLeases, 'lease' | 'release'>, clock: Clock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  /** Lends a port. Throws NO_PORT_LEFT. */
  assign(): number {
    const now = this.#clock.monotonic();
    for (const [port, { endsAt }] of this.#loans) if (endsAt <= now) this.release(port);
    const holder = newKernelId();
    const port = this.#ports.lease(holder);
    this.#loans.set(port, { holder, endsAt: now + loanMs });
    return port;
  }

  /** Takes a port back; false for one that is not on loan, which stays as it is. */
  release(port: number): boolean {
    const loan = this.#loans.get(port);
    if (!loan) return false;
    this.#loans.delete(port);
    this.#ports.release(loan.holder, port);
    return true;
  }
}
