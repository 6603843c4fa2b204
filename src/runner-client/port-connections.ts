/** A connection of its own for each connection to a port in a kernel. */
import type { Duplex } from 'node:stream';
import { KerneletError } from '../lib/errors.ts';
import { type OwnConnectionParts, openOwnConnection } from './own-connection.ts';
import { openPort } from './port-stream.ts';

/** Connections to the ports of one kernel at a time: each takes a descriptor of the daemon, and memory of the kernel. */
export const maxPortConnections = 64;

/** Connections to the ports of one kernel. */
export class PortConnections {
  readonly #parts: OwnConnectionParts;
  #open = 0;

  constructor(parts: OwnConnectionParts) {
    this.#parts = parts;
  }

  /** As `RunnerClient` has it. */
  async connect(port: number, callerSignal: AbortSignal): Promise<Duplex> {
    if (this.#open >= maxPortConnections) {
      const text = `the kernel has ${maxPortConnections} connections to its ports already, which is the most`;
      throw new KerneletError('OVERLOADED', text);
    }
    this.#open += 1;
    try {
      const { signal: over, clock } = this.#parts;
      const signal = AbortSignal.any([callerSignal, over]);
      const { connection } = await openOwnConnection(this.#parts, 'port', signal);
      const stream = await openPort(connection, port, { signal, over, clock });
      stream.once('close', () => {
        this.#open -= 1;
      });
      return stream;
    } catch (error) {
      this.#open -= 1;
      throw error;
    }
  }
}
