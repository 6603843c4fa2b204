/**
 * Listens on the sockets by which programs of a kernel reach the agent, and the sockets of this host that the operator lets
 * through. They outlive its containers, and a daemon that takes the kernel over listens on them again.
 */
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { KerneletError } from '../../../lib/errors.ts';
import type { ContainerId, KernelId } from '../../../lib/ids.ts';
import type { Logger } from '../../../lib/log.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import type { KernelSocket, KernelSockets } from '../../../network/sockets/kernel-sockets.ts';
import { proxyTo } from '../../../network/sockets/socket-proxy.ts';
import { containerPaths } from '../../../protocol/image-contract.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import { placeFolder } from '../../../storage/scratch-files.ts';
import type { KernelRecord } from '../../record.ts';
import { hasSockets, type KernelSpec } from '../../spec.ts';
import type { CreationStep } from '../step.ts';

/** Makes what answers all connections from one kernel; `containerId`: the kernel's, as it is now. */
export type ServeAgentSocket = (containerId: () => ContainerId | null) => (connection: Socket) => void;

/** What the step works with. */
export interface SocketsParts {
  readonly scratch: ScratchFolders;
  readonly sockets: KernelSockets;
  /** null: no kernel has an agent socket. */
  readonly serveAgentSocket: ServeAgentSocket | null;
  /** Of a kernel that lives. */
  readonly containerOf: (kernel: KernelId) => ContainerId | null;
  readonly log: Logger;
}

/** The name in the folder of sockets of the one that stands for the socket at this place of the list. */
export const proxyName = (place: number): string => `proxy-${place}.sock`;

/** Throws STATE_UNUSABLE. */
export function socketsStep({ scratch, sockets, serveAgentSocket, containerOf, log }: SocketsParts): CreationStep {
  const servedOf = ({ id, agentSocket, socketProxies }: KernelSpec): readonly KernelSocket[] => [
    ...(agentSocket && serveAgentSocket
      ? [{ name: basename(containerPaths.agentSocket), serve: serveAgentSocket(() => containerOf(id)) }]
      : []),
    ...socketProxies.map((path, place) => ({ name: proxyName(place), serve: proxyTo(path, log) })),
  ];
  const listen = async ({ spec }: KernelRecord): Promise<void> => {
    const { root, sockets: folder } = scratch.paths(spec.id);
    await placeFolder(root, basename(folder), { mode: 0o755, owner: null });
    try {
      await sockets.open(spec.id, folder, servedOf(spec));
    } catch (cause) {
      const text = `cannot listen on the kernel's sockets in ${folder} (${systemErrorText(cause)})`;
      throw new KerneletError('STATE_UNUSABLE', text, { cause, context: { path: folder } });
    }
  };
  return {
    name: 'sockets',
    scope: 'kernel',
    deadlineMs: 10_000,
    async apply(record) {
      if (hasSockets(record.spec)) await listen(record);
      return {};
    },
    async revert({ spec }) {
      await sockets.close(spec.id);
    },
    async adopt(record) {
      if (hasSockets(record.spec) && record.phase !== 'terminating') await listen(record);
    },
  };
}
