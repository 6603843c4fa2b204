/**
 * The text form of a kernel's record: JSON with a schema version, read strictly. Anything that is not exactly a record
 * is an error, so that a damaged file is quarantined rather than half believed.
 */
import type { AttachedDevice } from '../devices/device-plugin.ts';
import { type DeviceProvision, noProvision } from '../devices/device-provision.ts';
import { asContainerId, type ContainerId, parseKernelId, parseSessionId } from '../lib/ids.ts';
import {
  JsonFormError,
  list,
  newer,
  nullable,
  number,
  object,
  oneOf,
  pair,
  type Reader,
  signed,
  table,
  text,
  triple,
  truth,
  whole,
} from '../lib/json-reader.ts';
import type { LeasedNetwork } from '../network/prewarmed-network.ts';
import { slotTypes } from '../resources/slot-name.ts';
import { type KernelRecord, kernelPhases, type Termination } from './record.ts';
import type { KernelNetwork, KernelSpec, PortPair } from './spec.ts';

const attachedDevices: Reader<readonly [string, readonly AttachedDevice[]]> = (value, place) => {
  if (!Array.isArray(value) || value.length !== 2) throw new JsonFormError(place, 'a pair');
  const device = object<AttachedDevice>((of) => ({
    device_id: of('device_id', text),
    model_name: of('model_name', text),
    data: of('data', table(number)),
  }));
  return [text(value[0], place), list(device)(value[1], place)];
};

const provision: Reader<DeviceProvision> = object((of) => ({
  slots: of(
    'slots',
    list((value, place) => {
      const [slot, type, amount] = triple(value, place);
      return [slot, oneOf(slotTypes)(type, place), amount] as const;
    }),
  ),
  environ: of('environ', list(pair)),
  requests: of(
    'requests',
    list(
      object((request) => ({
        driver: request('driver', text),
        ids: request('ids', list(text)),
        capabilities: request('capabilities', list(text)),
      })),
    ),
  ),
  runtime: of('runtime', nullable(text)),
  nodes: of('nodes', list(text)),
  hooks: of('hooks', newer(list(text), [])),
  networks: of('networks', newer(list(text), [])),
  mounts: of(
    'mounts',
    newer(list(object((mount) => ({ source: mount('source', text), target: mount('target', text) }))), []),
  ),
  data: of('data', list(pair)),
  attached: of('attached', list(attachedDevices)),
}));

const portPair: Reader<PortPair> = object((of) => ({
  containerPort: of('containerPort', whole),
  hostPort: of('hostPort', whole),
}));

const plainNetwork = oneOf(['none', 'bridge']);
const namedNetwork = object((of) => ({
  name: of('name', text),
  aliases: of('aliases', list(text)),
  hosts: of('hosts', newer(list(pair), [])),
}));
const network: Reader<KernelNetwork> = (value, place) =>
  typeof value === 'object' ? namedNetwork(value, place) : plainNetwork(value, place);

const spec: Reader<KernelSpec> = object((field) => ({
  id: parseKernelId(field('id', text)),
  sessionId: parseSessionId(field('sessionId', text)),
  image: field(
    'image',
    object((of) => ({
      reference: of('reference', text),
      id: of('id', text),
      volumes: of('volumes', newer(list(text), [])),
      distro: of('distro', newer(nullable(text), null)),
      coreCountVariables: of('coreCountVariables', newer(list(text), [])),
    })),
  ),
  runtime: field(
    'runtime',
    object((of) => ({ type: of('type', text), path: of('path', nullable(text)) })),
  ),
  interpreter: field('interpreter', oneOf(['eager', 'lazy'])),
  limits: field(
    'limits',
    object((of) => ({
      cpus: of('cpus', number),
      memoryBytes: of('memoryBytes', whole),
      processes: of('processes', whole),
      sharedMemoryBytes: of('sharedMemoryBytes', nullable(whole)),
      diskBytes: of('diskBytes', nullable(whole)),
      openFiles: of('openFiles', newer(nullable(whole), null)),
    })),
  ),
  accelerators: field('accelerators', newer(list(pair), [])),
  environ: field('environ', list(pair)),
  mounts: field(
    'mounts',
    list(object((of) => ({ source: of('source', text), target: of('target', text), readOnly: of('readOnly', truth) }))),
  ),
  files: field(
    'files',
    newer(
      list(
        object((of) => ({
          folder: of('folder', oneOf(['home', 'config'])),
          path: of('path', text),
          mode: of('mode', whole),
          owner: of('owner', oneOf(['tenant', 'root'])),
          text: of('text', text),
        })),
      ),
      [],
    ),
  ),
  network: field('network', network),
  publish: field('publish', list(whole)),
  fixedPorts: field('fixedPorts', newer(list(portPair), [])),
  assignedPorts: field('assignedPorts', newer(list(whole), [])),
  services: field(
    'services',
    newer(
      list(
        object((of) => ({
          name: of('name', text),
          protocol: of('protocol', text),
          containerPorts: of('containerPorts', list(whole)),
          isInference: of('isInference', truth),
        })),
      ),
      [],
    ),
  ),
  models: field(
    'models',
    newer(
      list(
        object((of) => ({
          name: of('name', text),
          path: of('path', text),
          port: of('port', whole),
          command: of('command', list(text)),
          preStart: of('preStart', text),
          healthCheck: of(
            'healthCheck',
            nullable(
              object((check) => ({
                path: check('path', text),
                maxRetries: check('maxRetries', whole),
                maxWaitMs: check('maxWaitMs', whole),
                expectedStatus: check('expectedStatus', whole),
              })),
            ),
          ),
        })),
      ),
      [],
    ),
  ),
  servicesBlocked: field('servicesBlocked', newer(truth, false)),
  user: field(
    'user',
    object((of) => ({ uid: of('uid', whole), gid: of('gid', whole) })),
  ),
  sudo: field('sudo', newer(truth, false)),
  idleTimeoutMs: field('idleTimeoutMs', nullable(number)),
  hostname: field('hostname', text),
}));

const termination: Reader<Termination> = object((of) => ({
  reason: of('reason', text),
  exitCode: of('exitCode', nullable(signed)),
  detail: of('detail', text),
  at: of('at', number),
}));

const version: Reader<1> = (value, place) => {
  if (value !== 1) throw new JsonFormError(place, '1, the only version this program knows');
  return 1;
};

const containerId: Reader<ContainerId> = (value, place) => asContainerId(text(value, place));
const prewarmedNetwork: Reader<LeasedNetwork> = object((of) => ({
  container: of('container', containerId),
  receivedBytes: of('receivedBytes', whole),
  sentBytes: of('sentBytes', whole),
}));

const record: Reader<KernelRecord> = object((field) => ({
  version: field('version', version),
  spec: field('spec', spec),
  phase: field('phase', oneOf(kernelPhases)),
  generation: field('generation', whole),
  placement: field(
    'placement',
    object((of) => ({
      cpuset: of('cpuset', nullable(text)),
      devices: of('devices', newer(list(triple), [])),
      provision: of('provision', newer(provision, noProvision)),
      hostPorts: of('hostPorts', list(portPair)),
      prewarmedNetwork: of('sandbox', newer(nullable(prewarmedNetwork), null)),
    })),
  ),
  containerId: field('containerId', nullable(containerId)),
  apps: field(
    'apps',
    newer(
      list(
        object((of) => ({
          name: of('name', text),
          urlTemplate: of('urlTemplate', text),
          allowedArguments: of('allowedArguments', list(text)),
          allowedEnvs: of('allowedEnvs', list(text)),
        })),
      ),
      [],
    ),
  ),
  restoredFrom: field('restoredFrom', newer(nullable(text), null)),
  createdAt: field('createdAt', number),
  readyAt: field('readyAt', nullable(number)),
  missingSince: field('missingSince', newer(nullable(number), null)),
  termination: field('termination', nullable(termination)),
  timings: field('timings', list(object((of) => ({ step: of('step', text), ms: of('ms', number) })))),
}));

/** Reads a record's text. Throws JsonFormError, SyntaxError, or the form error of an id. */
export const decodeRecord = (json: string): KernelRecord => record(JSON.parse(json), 'record');

/** The text of a record. A prewarmed network is written as `sandbox`, the name that records have had for it all along. */
export function encodeRecord(of: KernelRecord): string {
  const { prewarmedNetwork, ...placement } = of.placement;
  return `${JSON.stringify({ ...of, placement: { ...placement, sandbox: prewarmedNetwork } })}\n`;
}
