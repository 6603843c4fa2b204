/** Networks over the Docker API. */
import type { EngineNetwork, NetworkSpec, WantedLabels } from '../engine.ts';
import { labelFilter, pathSegment } from './names.ts';
import { child, fields, list, text, textMap } from './replies.ts';
import { type EngineRequest, inspectEach } from './transport.ts';
import type { VersionedTransport } from './versioned-transport.ts';

/** Options of the engine's bridges: the name of the interface, and whether containers reach each other. */
const optionNames = {
  interfaceName: 'com.docker.network.bridge.name',
  reachEachOther: 'com.docker.network.bridge.enable_icc',
} as const;

/** The network part of an engine. */
export class DockerNetworks {
  readonly #transport: VersionedTransport;

  constructor(transport: VersionedTransport) {
    this.#transport = transport;
  }

  /** Throws ENGINE_FAILED (409) when the name is taken. */
  async create(spec: NetworkSpec, signal: AbortSignal): Promise<string> {
    const request: EngineRequest = {
      method: 'POST',
      path: '/networks/create',
      what: `create network ${spec.name}`,
      json: {
        Name: spec.name,
        // Without it engines before 25 make a second network of the same name.
        CheckDuplicate: true,
        Driver: 'bridge',
        // Whatever the engine's own default is: what filters a network filters IPv4.
        EnableIPv6: false,
        Labels: { ...spec.labels },
        Options: {
          ...(spec.interfaceName === undefined ? {} : { [optionNames.interfaceName]: spec.interfaceName }),
          ...(spec.isolated ? { [optionNames.reachEachOther]: 'false' } : {}),
        },
      },
    };
    return text(fields((await this.#transport.json(request, signal)).value), 'Id');
  }

  /** When one was made, in milliseconds since the epoch; null where there is none, or the engine does not say. */
  async madeAt(name: string, signal: AbortSignal): Promise<number | null> {
    const value = await this.#inspectRaw(name, signal);
    const at = value === null ? Number.NaN : Date.parse(text(fields(value), 'Created'));
    return Number.isFinite(at) ? at : null;
  }

  async inspect(name: string, signal: AbortSignal): Promise<EngineNetwork | null> {
    const network = await this.#inspect(name, signal);
    return network && (network.name === name || network.id === name) ? network : null;
  }

  /** Each is inspected, since the engine's listing doesn't say what is attached; one that goes meanwhile is left out. */
  async list(labels: WantedLabels, signal: AbortSignal): Promise<readonly EngineNetwork[]> {
    const request: EngineRequest = {
      method: 'GET',
      path: '/networks',
      query: { filters: labelFilter(labels) },
      what: 'list the networks',
    };
    const { value } = await this.#transport.json(request, signal);
    const ids = list(value).map((item) => text(fields(item), 'Id'));
    return await inspectEach(ids, (id) => this.#inspect(id, signal));
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const request: EngineRequest = {
      method: 'DELETE',
      path: `/networks/${pathSegment(name)}`,
      what: `remove network ${name}`,
      idempotent: true,
      accept: [404],
    };
    await this.#transport.json(request, signal);
  }

  /** Connects a container; one that is connected already is success. */
  async connect(container: string, name: string, signal: AbortSignal): Promise<void> {
    const network = await this.#inspect(name, signal);
    if (network?.attached.includes(container)) return;
    const request: EngineRequest = {
      method: 'POST',
      path: `/networks/${pathSegment(name)}/connect`,
      json: { Container: container },
      what: `connect a container to network ${name}`,
    };
    await this.#transport.json(request, signal);
  }

  async #inspect(name: string, signal: AbortSignal): Promise<EngineNetwork | null> {
    const value = await this.#inspectRaw(name, signal);
    return value === null ? null : readNetwork(value);
  }

  async #inspectRaw(name: string, signal: AbortSignal): Promise<unknown> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/networks/${pathSegment(name)}`,
      what: `inspect network ${name}`,
      accept: [404],
    };
    const { status, value } = await this.#transport.json(request, signal);
    return status === 404 ? null : value;
  }
}

function readNetwork(value: unknown): EngineNetwork {
  const network = fields(value);
  const options = textMap(network, 'Options');
  return {
    id: text(network, 'Id'),
    name: text(network, 'Name'),
    labels: textMap(network, 'Labels'),
    subnets: list(child(network, 'IPAM')['Config'])
      .map((config) => text(fields(config), 'Subnet'))
      .filter((subnet) => subnet !== ''),
    interfaceName: options[optionNames.interfaceName] ?? null,
    isolated: options[optionNames.reachEachOther] === 'false',
    attached: Object.keys(child(network, 'Containers')),
  };
}
