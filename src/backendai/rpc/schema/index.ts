/** Signatures of every method of 24.09 and 26.8 (spec rpc 7, 9.3), by the order of the specification. */
import type { RpcSignature } from '../signature.ts';
import { cleanAllKernels, resetAgent, shutdownAgent } from './agent.ts';
import { checkAndPull, checkCreating, checkPulling, checkRunning } from './check.ts';
import { commit, getCommitStatus } from './commit.ts';
import { createKernels } from './create-kernels.ts';
import { destroyKernel } from './destroy-kernel.ts';
import { execute } from './execute.ts';
import { downloadFile, downloadSingle, listFiles, uploadFile } from './files.ts';
import { gatherHwinfo, gatherHwinfoV2 } from './gather-hwinfo.ts';
import { getCompletions } from './get-completions.ts';
import { getLocalConfig } from './get-local-config.ts';
import { getLogs } from './get-logs.ts';
import { health, healthV2 } from './health.ts';
import { assignPort, releasePort } from './host-port.ts';
import { interruptKernel } from './interrupt-kernel.ts';
import { createLocalNetwork, destroyLocalNetwork } from './local-network.ts';
import { ping } from './ping.ts';
import { pingKernel } from './ping-kernel.ts';
import { dropKernelRegistry, purgeContainers, purgeImages } from './purge.ts';
import { pushImage } from './push-image.ts';
import { restartKernel } from './restart-kernel.ts';
import { scanGpuAllocMap } from './scan-gpu-alloc-map.ts';
import { shutdownService } from './shutdown-service.ts';
import { startService } from './start-service.ts';
import { syncKernelRegistry } from './sync-kernel-registry.ts';
import { triggerBatchExecution } from './trigger-batch-execution.ts';
import { updateScalingGroup } from './update-scaling-group.ts';

/** All signatures. */
export const signatures: readonly RpcSignature[] = [
  ping,
  updateScalingGroup,
  gatherHwinfo,
  pingKernel,
  syncKernelRegistry,
  createKernels,
  destroyKernel,
  interruptKernel,
  getCompletions,
  getLogs,
  restartKernel,
  execute,
  triggerBatchExecution,
  startService,
  getCommitStatus,
  commit,
  pushImage,
  getLocalConfig,
  shutdownService,
  uploadFile,
  downloadFile,
  downloadSingle,
  listFiles,
  shutdownAgent,
  createLocalNetwork,
  destroyLocalNetwork,
  resetAgent,
  assignPort,
  releasePort,
  cleanAllKernels,
  healthV2,
  health,
  gatherHwinfoV2,
  checkAndPull,
  checkPulling,
  checkCreating,
  checkRunning,
  purgeImages,
  scanGpuAllocMap,
  purgeContainers,
  dropKernelRegistry,
];
