/** Figures of kernels and of a node as an agent gives them. */
import type { Agent, KernelStats } from '../../src/agent/agent.ts';
import { newKernelId } from '../../src/lib/ids.ts';

const usage = {
  since: 1,
  at: 2,
  cpuSeconds: 1,
  throttledSeconds: 0,
  memoryPeakBytes: 3,
  outOfMemoryKills: 1,
  processesPeak: 5,
  processLimitHits: null,
  readBytes: 1,
  writtenBytes: 1,
  receivedBytes: 1,
  sentBytes: 1,
  scratchPeakBytes: null,
  overuse: [{ kind: 'out-of-memory', count: 1, firstAt: 1, lastAt: 1, detail: 'killed at its limit on memory: x' }],
} as const;

const figuresOf = ({ id, sessionId }: Pick<KernelStats, 'id' | 'sessionId'>): KernelStats => ({
  id,
  sessionId,
  at: 2,
  cpuSeconds: 1,
  cpuCores: 0.5,
  throttledSeconds: 0,
  cpuPeriods: 0,
  throttledPeriods: 0,
  memoryBytes: 2,
  memoryPeakBytes: 3,
  memoryLimitBytes: 4,
  outOfMemoryKills: 0,
  processes: 5,
  processesLimit: 64,
  processLimitHits: 0,
  readBytes: 1,
  writtenBytes: 1,
  receivedBytes: 1,
  sentBytes: 1,
  readBytesPerSecond: 0,
  writtenBytesPerSecond: 0,
  receivedBytesPerSecond: 0,
  sentBytesPerSecond: null,
  scratchBytes: null,
  cpuStall: { some: 1, full: 0 },
  memoryStall: null,
  ioStall: null,
  devices: [{ measure: 'cuda_mem', unit: 'bytes', value: 2, capacity: 4 }],
  overuse: [],
  missing: [{ source: 'disk', reason: 'io.stat is cut off' }],
});

/** Gives an agent figures of its kernels and its node; on the dummy engine nothing runs that could be measured. */
export function plantFigures(agent: Agent): void {
  const inspect = agent.inspect.bind(agent);
  agent.inspect = async (id) => ({ ...(await inspect(id)), usage });
  agent.stats = async () => (await agent.list({ all: false })).map(figuresOf);
  agent.kernelMetrics = async (id) => {
    const process = { cpuSeconds: 1, memoryBytes: 2, readBytes: null, writtenBytes: null, devices: [] };
    return { kernel: figuresOf(await agent.inspect(id)), processes: { '42': process } };
  };
  agent.nodeMetrics = async () => {
    const memoryBytes = { value: 1, capacity: 2, perSecond: null, parts: {} };
    const cpuSeconds = { value: 3, capacity: 5, perSecond: 0.5, parts: { '0': { value: 3, capacity: 5 } } };
    const devices = [{ measure: 'cuda_mem', unit: 'bytes', device: '0', value: 2, capacity: null }];
    return { cpuSeconds, memoryBytes, diskBytes: null, receivedBytes: null, sentBytes: null, devices, missing: [] };
  };
  agent.finalRecords = async () => [
    { kernelId: newKernelId(), sessionId: null, reason: 'user-requested', endedAt: 2, ...usage },
  ];
}
