/** Networks of the dummy engine. */
import { KerneletError } from '../../lib/errors.ts';
import type { EngineNetwork, NetworkSpec } from '../engine.ts';

/** Networks by name; `bridge`, `host` and `none` are always there. */
export class DummyNetworks {
  readonly #networks = new Map<string, EngineNetwork>();
  #serial = 0;

  constructor() {
    for (const name of ['bridge', 'host', 'none']) this.create({ name, labels: {} });
  }

  /** Makes one. Throws ENGINE_FAILED (409) when the name is taken. */
  create(spec: NetworkSpec): string {
    if (this.#networks.has(spec.name)) {
      throw new KerneletError('ENGINE_FAILED', `network ${spec.name} exists already`, { context: { status: 409 } });
    }
    this.#serial += 1;
    const id = `e${this.#serial.toString(16).padStart(63, '0')}`;
    this.#networks.set(spec.name, {
      id,
      name: spec.name,
      labels: spec.labels,
      subnets: [`10.${this.#serial % 256}.0.0/16`],
      interfaceName: spec.interfaceName ?? null,
      isolated: spec.isolated ?? false,
      attached: [],
    });
    return id;
  }

  has(name: string): boolean {
    return this.#networks.has(name);
  }

  get(name: string): EngineNetwork | null {
    return this.#networks.get(name) ?? null;
  }

  list(): readonly EngineNetwork[] {
    return [...this.#networks.values()];
  }

  /** Removes one if it is there. Throws ENGINE_FAILED (403) while a container is attached. */
  remove(name: string): void {
    const network = this.#networks.get(name);
    if (!network) return;
    if (network.attached.length > 0) {
      throw new KerneletError('ENGINE_FAILED', `network ${name} has active endpoints`, { context: { status: 403 } });
    }
    this.#networks.delete(name);
  }

  /** Throws ENGINE_FAILED (404) when there is no such network. */
  connect(name: string, container: string): void {
    if (!this.#networks.has(name)) {
      throw new KerneletError('ENGINE_FAILED', `network ${name} not found`, { context: { status: 404 } });
    }
    this.#change(name, (attached) => [...attached.filter((other) => other !== container), container]);
  }

  attach(name: string, container: string): void {
    this.#change(name, (attached) => [...attached, container]);
  }

  detach(name: string, container: string): void {
    this.#change(name, (attached) => attached.filter((other) => other !== container));
  }

  #change(name: string, change: (attached: readonly string[]) => readonly string[]): void {
    const network = this.#networks.get(name);
    if (network) this.#networks.set(name, { ...network, attached: change(network.attached) });
  }
}
