import { expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { newKernelId } from '../lib/ids.ts';
import type { DeviceMeasure, MeasuredAmount } from './device-plugin.ts';
import { readShareOptions } from './fractional-gpu.ts';
import { readMockConfig } from './mock-config.ts';
import { mockPlugin } from './mock-plugin.ts';

const gpu = (uuid: string) => ({
  mother_uuid: uuid,
  model_name: 'A',
  numa_node: 0,
  subproc_count: 108,
  memory_size: '40g',
  is_mig_device: false,
});
const config = readMockConfig({
  slot_name: 'cuda',
  device_plugin_name: 'x',
  attributes: {},
  formats: {},
  devices: [gpu('a'), gpu('b')],
});
const [holder, idle] = [newKernelId(), newKernelId()];

/** What a plugin with these options measures while one kernel holds `amount` of `slot`, with all random numbers 0.5. */
function measure(options: Readonly<Record<string, string>>, slot: string, amount: string): readonly DeviceMeasure[] {
  const plugin = mockPlugin(config, readShareOptions('cuda', options), { random: () => 0.5 });
  const allocation = plugin.createMap().allocate({ slots: [[slot, new Decimal(amount)]] });
  const holders = [
    { kernel: holder, container: '1', allocation, pids: [] },
    { kernel: idle, container: '2', allocation: new Map(), pids: [] },
  ];
  return plugin.measure?.(holders) ?? [];
}
const text = (amount?: MeasuredAmount) => `${amount?.value} / ${amount?.capacity}`;

it('measures of pretended devices are plausible, by node, device and kernel', () => {
  const [memory, utilization, power, temperature] = measure({}, 'cuda.device', '1');
  expect([memory, utilization, power, temperature].map((one) => [one?.key, one?.unit, one?.filter])).toEqual([
    ['cuda_mem', 'bytes', ['max']],
    ['cuda_util', 'percent', ['avg', 'max']],
    ['cuda_power', 'Watts', ['avg', 'max']],
    ['cuda_temperature', 'Celsius', ['avg', 'max']],
  ]);
  const used = 0.6 * 40 * 2 ** 30;
  expect(text(memory?.devices.get('a'))).toBe(`${used} / ${40 * 2 ** 30}`);
  expect([memory, utilization, power, temperature].map((one) => text(one?.node))).toEqual([
    `${2 * used} / ${80 * 2 ** 30}`,
    '100 / 200',
    '400 / 500',
    '90 / 120',
  ]);
  expect(text(memory?.kernels.get(holder))).toBe(`${used} / ${40 * 2 ** 30}`);
  expect([memory, utilization].map((one) => text(one?.kernels.get(idle)))).toEqual(['0 / 0', '0 / 0']);
  expect([power?.kernels.size, temperature?.kernels.size]).toEqual([0, 0]);
});

it('measures of shares are out of what the share stands for, and masked devices have none', () => {
  const [memory, utilization] = measure({ allocation_mode: 'fractional' }, 'cuda.shares', '0.5');
  expect(text(memory?.kernels.get(holder))).toBe(`${Math.trunc(0.6 * 2 ** 30)} / ${2 ** 30}`);
  expect(text(utilization?.kernels.get(holder))).toBe('50 / 100');
  expect([...(measure({ device_mask: 'a' }, 'cuda.device', '2')[0]?.devices.keys() ?? [])]).toEqual(['b']);
});

it('measures stay within what there can be, whatever is drawn', () => {
  for (const drawn of [0, 0.999999]) {
    const plugin = mockPlugin(config, readShareOptions('cuda', {}), { random: () => drawn });
    for (const { devices } of plugin.measure?.([]) ?? []) {
      for (const { value, capacity } of devices.values()) {
        expect(value >= 0 && value <= (capacity ?? 0)).toBe(true);
      }
    }
  }
});
