/** The methods that are served. */
import type { RpcMethod } from '../rpc-method.ts';
import { assignPort } from './assign-port.ts';
import { checkAndPull } from './check-and-pull.ts';
import { checkCreating } from './check-creating.ts';
import { checkPulling } from './check-pulling.ts';
import { checkRunning } from './check-running.ts';
import { cleanAllKernels } from './clean-all-kernels.ts';
import { commit } from './commit.ts';
import { createKernels } from './create-kernels.ts';
import { createLocalNetwork } from './create-local-network.ts';
import { destroyKernel } from './destroy-kernel.ts';
import { destroyLocalNetwork } from './destroy-local-network.ts';
import { downloadFile } from './download-file.ts';
import { downloadSingle } from './download-single.ts';
import { dropKernelRegistry } from './drop-kernel-registry.ts';
import { execute } from './execute.ts';
import { gatherHwinfo, gatherHwinfoV2 } from './gather-hwinfo.ts';
import { getCommitStatus } from './get-commit-status.ts';
import { getCompletions } from './get-completions.ts';
import { getLocalConfig } from './get-local-config.ts';
import { getLogs } from './get-logs.ts';
import { health, healthV2 } from './health.ts';
import { interruptKernel } from './interrupt-kernel.ts';
import { listFiles } from './list-files.ts';
import { ping } from './ping.ts';
import { pingKernel } from './ping-kernel.ts';
import { purgeContainers } from './purge-containers.ts';
import { purgeImages } from './purge-images.ts';
import { pushImage } from './push-image.ts';
import { releasePort } from './release-port.ts';
import { resetAgent } from './reset-agent.ts';
import { restartKernel } from './restart-kernel.ts';
import { scanGpuAllocMap } from './scan-gpu-alloc-map.ts';
import { shutdownAgent } from './shutdown-agent.ts';
import { shutdownService } from './shutdown-service.ts';
import { startService } from './start-service.ts';
import { syncKernelRegistry } from './sync-kernel-registry.ts';
import { triggerBatchExecution } from './trigger-batch-execution.ts';
import { updateScalingGroup } from './update-scaling-group.ts';
import { uploadFile } from './upload-file.ts';

/** All methods that managers may call; one that is not listed here is not served. */
export const methods: readonly RpcMethod[] = [
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
  getCommitStatus,
  commit,
  pushImage,
  startService,
  shutdownService,
  getLocalConfig,
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
