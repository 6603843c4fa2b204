/**
 * The names that images, their programs and tools beside the agent rely on (spec kernel-lifecycle 2.1, 7.2;
 * kernel-runner 2.5, 12): labels, variables and paths of Backend.AI's contract. They stand here and nowhere else.
 */

/** Every label of the contract begins with this, those of images and those of containers and networks. */
export const labelPrefix = 'ai.backend.';

/** Labels of images that are asked for by their full name. */
export const imageLabels = {
  /** Version of the label contract, `1`. */
  kernelspec: `${labelPrefix}kernelspec`,
  /** Which services the image offers: `NAME:PROTOCOL:PORT`, separated by commas. */
  servicePorts: `${labelPrefix}service-ports`,
  /** Which of them answer a model's requests. */
  endpointPorts: `${labelPrefix}endpoint-ports`,
  /** A type of the table of runtimes. */
  runtimeType: `${labelPrefix}runtime-type`,
  /** Absolute path of the language's tool. */
  runtimePath: `${labelPrefix}runtime-path`,
} as const;

/** Labels that kernelet gives to containers and networks and that other tools read. */
export const objectLabels = {
  kernelId: `${labelPrefix}kernel-id`,
  sessionId: `${labelPrefix}session-id`,
  /** What the agent is called; nothing is decided by it. */
  owner: `${labelPrefix}owner`,
  /** `1` where services are listed and never started, else `0`. */
  servicesBlocked: `${labelPrefix}internal.block-service-ports`,
  /** On the network of one session. */
  clusterNetwork: `${labelPrefix}cluster-network`,
} as const;

/** Variables of the tenant's environment that kernelet itself reads or sets. */
export const kernelVariables = {
  sessionName: 'BACKENDAI_SESSION_NAME',
  clusterHost: 'BACKENDAI_CLUSTER_HOST',
  /** `ROLE:COUNT`, separated by commas: what the other hosts of a session are called. */
  clusterReplicas: 'BACKENDAI_CLUSTER_REPLICAS',
  mockDevices: 'BACKENDAI_MOCK_CUDA_DEVICES',
  mockDeviceCount: 'BACKENDAI_MOCK_CUDA_DEVICE_COUNT',
} as const;

/** Paths inside the container on which images and what they bring rely. */
export const containerPaths = {
  /** The runner volume, read-only. */
  volume: '/opt/backend.ai',
  /** The entry that starts the runner: a script for the volume's static shell. */
  entry: '/opt/backend.ai/bin/entry',
  /** What the agent lays for one kernel: the runner's folder, libraries of devices. */
  kernel: '/opt/kernel',
  /** On which the agent answers libraries of accelerators. */
  agentSocket: '/opt/kernel/agent.sock',
  /** The program by which scripts of images that run as root become another user. */
  suExec: '/opt/kernel/su-exec',
  /** Read-write for root alone: `runner.json`, `runner.sock`. */
  run: '/opt/kernel/run',
  config: '/opt/kernel/run/runner.json',
  socket: '/opt/kernel/run/runner.sock',
  home: '/home/work',
  homeConfig: '/home/config',
  /** The image's definitions of its services, one `NAME.json` each. */
  serviceDefinitions: '/etc/backend.ai/service-defs',
} as const;

/** Modules of Backend.AI's accelerators, by which operators name plugins of devices. */
export const acceleratorModules = {
  cuda: `${labelPrefix}accelerator.cuda_open`,
  mock: `${labelPrefix}accelerator.mock`,
  mockCuda: `${labelPrefix}accelerator.cuda_mock`,
} as const;
