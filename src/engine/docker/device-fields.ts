/** What devices need, in the fields of a create request (spec resources-and-stats 5.2, 6.2, 14.4). */
import type { DeviceArguments } from '../../resources/device-arguments.ts';

/** The fields to lay over a container's body. */
export function deviceFields(wanted: DeviceArguments): Readonly<Record<string, unknown>> {
  const { cores, memoryBytes, sharedMemoryBytes, requests, runtime, nodes, environ } = wanted;
  const hostConfig = {
    // `Cpus` is no field of the engine, which passes it over; the set is what limits.
    ...(cores === undefined ? {} : { Cpus: cores.length, CpusetCpus: cores.join(',') }),
    // Equal values: no swap.
    ...(memoryBytes === undefined ? {} : { MemorySwap: memoryBytes, Memory: memoryBytes }),
    ...(sharedMemoryBytes === undefined ? {} : { ShmSize: sharedMemoryBytes }),
    ...(requests === undefined
      ? {}
      : {
          DeviceRequests: requests.map(({ driver, ids, capabilities }) => ({
            Driver: driver,
            DeviceIDs: [...ids],
            Capabilities: [[...capabilities]],
          })),
        }),
    ...(runtime === undefined ? {} : { Runtime: runtime }),
    ...(nodes === undefined
      ? {}
      : { Devices: nodes.map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' })) }),
  };
  return {
    ...(Object.keys(hostConfig).length === 0 ? {} : { HostConfig: hostConfig }),
    ...(environ === undefined ? {} : { Env: [...environ] }),
  };
}
