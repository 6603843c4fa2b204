import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type AddressHints, type AddressSettings, type AddressSources, nodeAddresses } from './node-addresses.ts';

const settings: AddressSettings = {
  rpcListen: { host: '', port: 6001 },
  rpcAdvertised: null,
  bindHost: '',
  advertisedHost: null,
  publicHost: null,
};
const hints: AddressHints = { agentSubnet: undefined, containerSubnet: undefined };
const address = (text: string, family: 'IPv4' | 'IPv6' = 'IPv4') => ({ address: text, family }) as NetworkInterfaceInfo;
const sources: AddressSources = {
  cloudIp: async () => null,
  nameAddress: async () => '192.168.7.4',
  routeAddress: async () => '10.1.2.3',
  interfaces: { lo: [address('127.0.0.1')], eth0: [address('10.1.2.3'), address('fd00::5', 'IPv6')] },
};
const find = (
  given: Partial<AddressSettings> = {},
  said: Partial<AddressHints> = {},
  around: Partial<AddressSources> = {},
) => nodeAddresses({ ...settings, ...given }, { ...hints, ...said }, { ...sources, ...around });

describe('nodeAddresses', () => {
  it('goes by the configuration first, and reads each address by its own rule', async () => {
    expect(
      await find({
        rpcListen: { host: '0.0.0.0', port: 6001 },
        rpcAdvertised: { host: 'node5.example.com', port: 7001 },
        bindHost: '10.9.9.9',
        advertisedHost: 'kernels.example.com',
        publicHost: 'public.example.com',
      }),
    ).toEqual({
      rpcListen: { host: '0.0.0.0', port: 6001 },
      rpcAddress: 'tcp://node5.example.com:7001',
      ip: 'node5.example.com',
      bindHost: '10.9.9.9',
      kernelHost: 'kernels.example.com',
      publicHost: 'public.example.com',
      warnings: [],
    });
  });

  it('takes the cloud’s word, else the cluster’s subnet, else the name of the machine', async () => {
    const cloud = { cloudIp: async () => '172.16.0.9' };
    expect((await find({}, { agentSubnet: '10.0.0.0/8' }, cloud)).ip).toBe('172.16.0.9');
    expect(await find({}, { agentSubnet: '10.0.0.0/8' })).toMatchObject({ ip: '10.1.2.3', kernelHost: '10.1.2.3' });
    expect((await find({}, { agentSubnet: 'fd00::/8' })).rpcAddress).toBe('tcp://[fd00::5]:6001');
    expect((await find({}, { agentSubnet: '0.0.0.0/0' })).ip).toBe('192.168.7.4');
    expect((await find()).ip).toBe('192.168.7.4');
    await expect(find({}, { agentSubnet: '172.31.0.0/16' })).rejects.toThrow('config/network/subnet/agent');
    await expect(find({}, { agentSubnet: '10.0.0.0' })).rejects.toThrow('is no subnet');
  });

  it('does not register a loopback address where etcd is elsewhere, and says what it took', async () => {
    const found = await find({}, {}, { nameAddress: async () => '127.0.1.1' });
    expect(found).toMatchObject({ ip: '10.1.2.3', warnings: [expect.stringContaining('127.0.1.1')] });
    const alone = { nameAddress: async () => null, routeAddress: async () => '127.0.0.1' };
    expect(await find({}, {}, alone)).toMatchObject({ ip: '127.0.0.1', warnings: [] });
  });

  it('publishes ports in the subnet of containers, or where it is called', async () => {
    const listening = { rpcListen: { host: '192.168.7.4', port: 6001 } };
    expect(await find(listening, { containerSubnet: '10.0.0.0/8' })).toMatchObject({
      ip: '192.168.7.4',
      bindHost: '10.1.2.3',
      publicHost: '10.1.2.3',
    });
    expect((await find(listening, { containerSubnet: '172.31.0.0/16' })).bindHost).toBe('192.168.7.4');
  });
});
