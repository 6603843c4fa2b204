/** Which calls of a simulated engine or server go wrong, and all that have come. */

/** A call that was sent. */
export interface SimulatedCall {
  readonly call: string;
  /** Milliseconds since the world's begin. */
  readonly at: number;
}

/** What of those who are called makes single calls go wrong. */
export class FaultPlan<Fault> {
  readonly calls: SimulatedCall[] = [];
  readonly #planned: { readonly call: string; readonly fault: Fault; left: number }[] = [];

  /** Has a call go wrong, after some others of its name. */
  plan(call: string, fault: Fault, after = 0): void {
    this.#planned.push({ call, fault, left: after });
  }

  /** The names of calls of which none has gone wrong as planned. */
  get unspent(): readonly string[] {
    return this.#planned.map(({ call }) => call);
  }

  /** Notes a call that is sent now. Returns what goes wrong with it; null: nothing. */
  take(call: string, at: number): Fault | null {
    this.calls.push({ call, at });
    const planned = this.#planned.find((one) => one.call === call);
    if (!planned) return null;
    planned.left -= 1;
    if (planned.left >= 0) return null;
    this.#planned.splice(this.#planned.indexOf(planned), 1);
    return planned.fault;
  }

  /** Nothing goes wrong any more. */
  clear(): void {
    this.#planned.length = 0;
  }
}
