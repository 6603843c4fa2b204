import { cpuMetadata, cpuPlugin, memMetadata, memPlugin } from '../../../../src/devices/basic-plugins.ts';
import { cudaPlugin, type EngineVersion } from '../../../../src/devices/cuda-plugin.ts';
import type { DevicePlugin } from '../../../../src/devices/device-plugin.ts';
import { readShareOptions } from '../../../../src/devices/fractional-gpu.ts';
import { readMockConfig } from '../../../../src/devices/mock-config.ts';
import { mockPlugin } from '../../../../src/devices/mock-plugin.ts';
import { deviceFields } from '../../../../src/engine/docker/container-body.ts';
import { plainText } from '../../../../src/lib/decimal.ts';
import { formatSlotAmounts } from '../../../../src/resources/slot-amounts.ts';
import { type AllocForm, caughtFrom, checkOf, differ, firstOf, type Mode, parseAlloc } from './case.ts';

interface DeviceForm {
  readonly id: string;
  readonly model_name: string;
  readonly smp: number;
  readonly mem: number;
}

interface PluginCase {
  readonly plugin: string;
  readonly device_alloc: AllocForm;
  readonly devices?: readonly (string | DeviceForm)[];
  readonly docker_version?: EngineVersion;
  readonly enabled?: boolean;
  readonly slot_name?: string;
  readonly mode?: string;
  readonly unit_mem?: string;
  readonly unit_proc?: number;
  readonly reserved_memory?: string;
}

const deviceForms = (item: PluginCase): readonly DeviceForm[] =>
  (item.devices ?? []).map((device) =>
    typeof device === 'string' ? { id: device, model_name: '', smp: 1, mem: 1024 } : device,
  );

function cpu(item: PluginCase): DevicePlugin {
  const cores = deviceForms(item).map(({ id }) => ({ core: Number(id), numaNode: 0 }));
  return cpuPlugin({ cores, overcommit: 1, agentVersion: '1', machine: 'x86_64', system: 'Linux' });
}

function cuda(item: PluginCase, rule: Mode): DevicePlugin {
  const devices = deviceForms(item).map(({ id, model_name, smp, mem }) => ({
    id,
    location: '',
    memoryBytes: mem,
    processingUnits: smp,
    numaNode: 0,
    modelName: model_name,
  }));
  return cudaPlugin({
    enabled: item.enabled ?? true,
    engineVersion: item.docker_version ?? [20, 10, 24],
    devices,
    driverVersion: '',
    cudaVersion: '',
    rule,
  });
}

function mock(item: PluginCase): DevicePlugin {
  const options: Record<string, string> = {};
  if (item.mode !== undefined) options['allocation_mode'] = item.mode;
  if (item.unit_mem !== undefined) options['unit_mem'] = item.unit_mem;
  if (item.unit_proc !== undefined) options['unit_proc'] = String(item.unit_proc);
  if (item.reserved_memory !== undefined) options['reserved_memory'] = item.reserved_memory;
  const key = item.slot_name ?? '';
  const config = readMockConfig({
    slot_name: key,
    device_plugin_name: 'Mock',
    attributes: {},
    formats: {},
    devices: deviceForms(item).map(({ id, model_name, smp, mem }) => ({
      mother_uuid: id,
      model_name,
      numa_node: 0,
      subproc_count: smp,
      memory_size: mem,
      is_mig_device: false,
    })),
  });
  return mockPlugin(config, readShareOptions(key, options));
}

function pluginOf(item: PluginCase, mode: Mode): DevicePlugin {
  switch (item.plugin) {
    case 'cpu':
      return cpu(item);
    case 'mem':
      return memPlugin(2 ** 40);
    case 'cuda':
      return cuda(item, mode);
    case 'mock':
      return mock(item);
    default:
      throw new Error(`no plugin ${item.plugin}`);
  }
}

/** The part of a container's body. */
export const dockerArguments = checkOf<PluginCase & { expect: object }>((item, mode) =>
  differ('it', deviceFields(pluginOf(item, mode).arguments(parseAlloc(item.device_alloc))), item.expect),
);

/** Lines of `resource.txt`; those of 26.8 where the case has them. */
export const resourceData = checkOf<PluginCase & { expect: unknown; expect_26_8?: unknown }>((item, mode) => {
  const lines = (release: Mode): unknown => pluginOf(item, release).resourceData(parseAlloc(item.device_alloc));
  return firstOf(
    differ('it', lines(mode), item.expect),
    item.expect_26_8 === undefined ? null : differ('it in 26.8', lines('26.8'), item.expect_26_8),
  );
});

export const attachedDevices = checkOf<PluginCase & { expect: unknown }>((item, mode) =>
  differ('it', pluginOf(item, mode).attachedDevices(parseAlloc(item.device_alloc)), item.expect),
);

interface Limits {
  readonly HostConfig: { readonly Memory: number; readonly MemorySwap: number; readonly ShmSize?: number };
}

/** Shared memory is taken from the limit, as `kernel/container/container-spec.ts` does. */
export const sharedMemory = checkOf<{ shmem: string; before: Limits; expect: Limits }>(({ shmem, before, expect }) => {
  const wanted = { memoryBytes: before.HostConfig.Memory };
  const [memoryBytes, sharedMemoryBytes] = [wanted.memoryBytes - Number(shmem), Number(shmem)];
  return firstOf(
    differ('it before', deviceFields(wanted), before),
    differ('it', deviceFields({ memoryBytes, sharedMemoryBytes }), expect),
  );
});

export const metadata = checkOf<{ expect: readonly unknown[] }>(({ expect }) =>
  differ('it', [cpuMetadata, memMetadata], expect),
);

interface MockCase {
  readonly config: Readonly<Record<string, unknown>>;
  readonly plugin_config: Readonly<Record<string, string>>;
  readonly expect: Readonly<Record<string, unknown>>;
}

/** Everything that a mock plugin answers, as vectors have it. */
function describeMock(plugin: DevicePlugin): Readonly<Record<string, unknown>> {
  const { kind, strategy, devices, quantum } = plugin.createMap().options;
  return {
    key: plugin.key,
    enabled: plugin.metadata !== null,
    slot_types: plugin.slotTypes,
    devices: plugin.devices.map(({ id, location, numaNode, memoryBytes, processingUnits, modelName, ...more }) => ({
      device_id: id,
      hw_location: location,
      numa_node: numaNode,
      memory_size: memoryBytes,
      processing_units: processingUnits,
      model_name: modelName,
      mother_uuid: 'motherUuid' in more ? more.motherUuid : undefined,
    })),
    available_slots: formatSlotAmounts(plugin.availableSlots()),
    alloc_map: {
      type: kind,
      strategy,
      ...(quantum === undefined ? {} : { quantum: plainText(quantum) }),
      device_amounts: Object.fromEntries(
        devices.map(({ id, slot, type, amount }) => [id, [slot, type, plainText(amount)]]),
      ),
    },
    metadata: plugin.metadata,
    extra_info: plugin.extraInfo,
    exclusive_slot_types: [...plugin.exclusiveSlots].sort(),
  };
}

/** What the case expects of a plugin made from the file and the options. */
export const mockConfig = checkOf<MockCase>(({ config, plugin_config: options, expect }) => {
  const make = (): Readonly<Record<string, unknown>> => {
    const file = readMockConfig(config);
    return describeMock(mockPlugin(file, readShareOptions(file.slotName, options)));
  };
  if (expect['error'] !== undefined) {
    const caught = caughtFrom(make);
    return differ('the error', caught instanceof Error ? caught.message : caught, expect['error']);
  }
  const actual = make();
  if (Object.keys(expect).length === 0) return 'expects nothing';
  return firstOf(...Object.entries(expect).map(([field, value]) => differ(field, actual[field], value)));
});
