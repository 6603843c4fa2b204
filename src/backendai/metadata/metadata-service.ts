/** The metadata service of a member: its server, for as long as it listens, and where the rules of networks lead kernels meanwhile. */
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import type { HostPort } from '../../config/settings.ts';
import type { Engine } from '../../engine/engine.ts';
import type { KernelRegistry } from '../../kernel/kernel-registry.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { retryForever } from '../../lib/retry.ts';
import type { MetadataTarget } from '../../network/firewall/rule-set.ts';
import { Callers } from './callers.ts';
import type { MetadataNode } from './metadata-routes.ts';
import { startMetadataServer } from './metadata-server.ts';

/** What it works with, once there is a node. */
export interface MetadataServiceParts {
  readonly kernels: KernelRegistry;
  readonly engine: Engine;
  readonly node: MetadataNode;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Serves metadata, and says where, for the rules of networks. */
export class MetadataService {
  readonly #address: HostPort;
  #target: MetadataTarget | null = null;

  constructor(address: HostPort) {
    this.#address = address;
  }

  /** Where kernels are led that ask for metadata; null while nobody answers there. */
  get target(): MetadataTarget | null {
    return this.#target;
  }

  /** Listens until the signal aborts; an address that cannot be had is tried again. Rejects with the signal's reason. */
  async run({ kernels, engine, node, clock, log }: MetadataServiceParts, signal: AbortSignal): Promise<void> {
    const callers = new Callers({ kernels, engine, clock });
    const what = 'listening for questions about metadata';
    await using server = await retryForever({ what, clock, log, signal }, () =>
      startMetadataServer({ address: this.#address, callers, node, clock, log }),
    );
    this.#target = targetOf(server.address);
    const { host } = server.address;
    if (this.#target === null)
      log.warn('no kernel is told what it is: none reaches the address of agent.metadata-server-bind-host', { host });
    else log.info('kernels are told what they are', { address: server.address });
    try {
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      this.#target = null;
    }
  }
}

/** Where a rule leads to a server that listens there, null where no kernel gets: on all addresses it is on that of each network. Pure. */
export function targetOf({ host, port }: HostPort): MetadataTarget | null {
  if (host === '0.0.0.0' || host === '::') return { host: null, port };
  return isIPv4(host) && !host.startsWith('127.') ? { host, port } : null;
}
