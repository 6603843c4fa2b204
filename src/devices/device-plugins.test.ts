import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import type { Allocation } from '../resources/allocation.ts';
import { cpuPlugin, memPlugin } from './basic-plugins.ts';
import { cudaPlugin } from './cuda-plugin.ts';
import type { DevicePlugin } from './device-plugin.ts';
import { readOperatorShares, readShareOptions } from './fractional-gpu.ts';
import { readMockConfig } from './mock-config.ts';
import { mockPlugin } from './mock-plugin.ts';

const cores = [0, 1, 5].map((core) => ({ core, numaNode: 0 }));
const cpu = cpuPlugin({ cores, overcommit: 2, agentVersion: '1.0', machine: 'x86_64', system: 'Linux' });
const gpu = { id: '0', location: '0000:3B:00.0', memoryBytes: 1, processingUnits: 1, numaNode: null, modelName: 'A' };
const cuda = { engineVersion: [20, 10, 24], devices: [gpu], driverVersion: '550.1', cudaVersion: '12.4' } as const;
const available = (plugin: DevicePlugin) =>
  [...plugin.availableSlots()].map(([slot, amount]) => `${slot} ${plainText(amount)}`);
const none: Allocation = new Map();

const device = {
  mother_uuid: 'u1',
  model_name: 'MIG-10g',
  numa_node: 0,
  subproc_count: 8,
  memory_size: '16g',
  is_mig_device: true,
};
const file = { slot_name: 'cuda', device_plugin_name: 'x', attributes: {}, formats: {}, devices: [device] };

describe('device plugins', () => {
  it('offer what they have, and their maps hold as much', () => {
    expect(available(cpu)).toEqual(['cpu 6']);
    expect(available(memPlugin(1024))).toEqual(['mem 1024']);
    expect(available(cudaPlugin({ ...cuda, enabled: true }))).toEqual(['cuda.device 1']);
    for (const plugin of [cpu, memPlugin(1024), cudaPlugin({ ...cuda, enabled: true })]) {
      const slots = [...plugin.availableSlots()];
      expect(plugin.createMap().allocate({ slots }).size).toBe(1);
      expect(() => plugin.createMap().allocate({ slots: slots.map(([slot, most]) => [slot, most.plus(1)]) })).toThrow(
        'not enough',
      );
    }
  });

  it('refuse a kernel without cores or memory, which the engine would not limit at all', () => {
    expect(() => cpu.arguments(new Map([['cpu', new Map([['0', new Decimal(0)]])]]))).toThrow('no CPU core');
    expect(() => memPlugin(1024).arguments(none)).toThrow('no memory');
  });

  it('that are off have no devices, nothing to show, and do nothing', () => {
    const off = cudaPlugin({ ...cuda, enabled: false });
    expect([off.devices, off.metadata, off.extraInfo, available(off), off.resourceData(none)]).toEqual([
      [],
      null,
      { cuda_support: false },
      ['cuda.device 0'],
      [],
    ]);
    const mock = mockPlugin(readMockConfig(file), readShareOptions('cuda', { allocation_mode: 'both' }));
    expect([mock.devices, mock.metadata, mock.extraInfo]).toEqual([[], null, { cuda_support: false }]);
  });

  it('that pretend list slices beside shares', () => {
    const mock = mockPlugin(readMockConfig(file), readShareOptions('cuda', { allocation_mode: 'fractional' }));
    expect(available(mock)).toEqual(['cuda.shares 0', 'cuda.device:10g-mig 1']);
    expect(mock.metadata?.slot_name).toBe('cuda.*-mig');
  });

  it.each([
    [{ slot_name: 'CUDA X' }, 'slot_name has characters'],
    [{ devices: {} }, 'devices must be a list'],
    [{ devices: [1] }, 'devices[0] must be a table'],
    [{ devices: [{ ...device, mother_uuid: 'a:b' }] }, 'devices[0].mother_uuid must not have'],
    [{ devices: [{ ...device, is_mig_device: undefined }] }, 'devices[0].is_mig_device must be true or false'],
    [{ devices: [{ ...device, subproc_count: 0 }] }, 'devices[0].subproc_count must be a whole number of at least 1'],
    [{ devices: [{ ...device, memory_size: 'inf' }] }, 'devices[0].memory_size cannot be read: size "inf" is infinite'],
    [{ devices: [{ ...device, memory_size: '-5g' }] }, 'devices[0].memory_size must be a size'],
    [{ devices: [{ ...device, memory_size: '9999y' }] }, 'devices[0].memory_size must be a size'],
    [{ formats: { device: {} } }, 'formats.device.number_format must be a table'],
  ])('that pretend say which key of their file is wrong: %j', (more, problem) => {
    expect(() => readMockConfig({ ...file, ...more })).toThrow(problem);
  });

  it.each([
    [{ unit_proc: '1' }, 'cuda plugin: too small unit_proc'],
    [{ unit_proc: 'x' }, 'unit_proc "x" is not a decimal number'],
    [{ unit_proc: 'inf' }, 'unit_proc must have an end'],
    [{ reserved_memory: '-1' }, 'reserved_memory must not be below 0'],
    [{ quantum_size: '0' }, 'quantum_size must be above 0'],
    [{ allocation_mode: 'both' }, 'cuda plugin: allocation_mode must be discrete or fractional, not "both"'],
  ])('that pretend say which option is wrong: %j', (options, problem) => {
    expect(() => readOperatorShares('cuda', options)).toThrow(problem);
  });
});
