/** Figures of all kernels, read now. */
import type { KernelStats } from './agent.ts';
import type { NodeAgentParts } from './parts.ts';

/** Reads the figures of every live kernel; one that ends meanwhile is left out. */
export async function readKernelStats(
  parts: Pick<NodeAgentParts, 'kernels' | 'engine' | 'readStats'>,
  signal: AbortSignal,
): Promise<readonly KernelStats[]> {
  const figures = await Promise.all(
    parts.kernels.list().map(async (record): Promise<KernelStats | null> => {
      if (record.containerId === null) return null;
      const container = await parts.engine.inspectContainer(record.containerId, signal);
      if (container === null || container.pid <= 0) return null;
      const read = await parts.readStats(container.pid);
      return read === null ? null : { id: record.spec.id, ...read };
    }),
  );
  return figures.filter((item) => item !== null);
}
