/** Devices of a node that reserve nothing and log nothing, with plugins in the process itself. */
import type { DevicePlugin } from '../../src/devices/device-plugin.ts';
import { NodeDevices } from '../../src/devices/node-devices.ts';
import { inProcess, type NodePlugin } from '../../src/devices/node-plugin.ts';
import type { PluginSearch } from '../../src/devices/plugin-source.ts';
import { silentLogger } from '../../src/lib/log.ts';

/** Allocates in the order of 24.09: accelerators first, then cores and memory. */
export function nodeDevices(plugins: readonly (DevicePlugin | NodePlugin)[], search?: PluginSearch): NodeDevices {
  return new NodeDevices({
    plugins: plugins.map((plugin) => ('answer' in plugin ? plugin : inProcess(plugin, '1'))),
    ...(search ? { search } : {}),
    order: ['cuda', 'cpu', 'mem'],
    policy: 'interleaved',
    rule: '24.09',
    reserved: new Map(),
    logAllocations: false,
    log: silentLogger,
  });
}
