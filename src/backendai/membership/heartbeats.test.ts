import { expect, it, vi } from 'vitest';
import { inflateImages } from '../../../test/support/manager-wire.ts';
import { nodeDevices } from '../../../test/support/node-devices.ts';
import type { Degradation } from '../../agent/degradation.ts';
import { memPlugin, sharedCpuPlugin } from '../../devices/basic-plugins.ts';
import { decodeMsgpack } from '../wire/msgpack/decode.ts';
import { Heartbeats, heartbeatFacts, ImageBlob, reportedImages } from './heartbeats.ts';
import type { MemberParts } from './member-parts.ts';

it('has every slot with its unit, and what plugins say of themselves', () => {
  const identity = {
    ip: '10.0.0.5',
    region: 'local',
    scalingGroup: 'default',
    address: 'tcp://10.0.0.5:6001',
    publicKey: null,
    publicHost: '10.0.0.5',
    version: '24.09.0',
    autoTerminateAbusing: false,
    degraded: {},
  };
  const slots = [
    { slot: 'cpu', type: 'count', available: '7', reserved: '1', used: '3' },
    { slot: 'mem', type: 'bytes', available: '33285996544', reserved: '0', used: '0' },
    { slot: 'cuda.device', type: 'count', available: '0', reserved: '0', used: '0' },
  ] as const;
  const plugins = { cpu: { version: '1', os_type: 'Linux' } };
  const images = Uint8Array.of(1);
  expect(heartbeatFacts(identity, { slots, plugins }, images, 'x64')).toEqual({
    ...identity,
    slots: { cpu: ['count', '7'], mem: ['bytes', '33285996544'], 'cuda.device': ['count', '0'] },
    computePlugins: plugins,
    images,
    architecture: 'x86_64',
  });
});

it('reports the images that managers may order', () => {
  const image = (reference: string, labels: Record<string, string>, labelled = true) => ({
    reference,
    id: `sha256:${reference}`,
    architecture: 'x86_64',
    sizeBytes: 1,
    createdAt: '',
    runtime: 'python',
    labelled,
    labels,
    problems: [],
  });
  const list = [
    image('cr.backend.ai/stable/python:3.9', { 'ai.backend.kernelspec': '1' }),
    image('a:1', { 'ai.backend.role': 'COMPUTE' }),
    image('a:2', { 'ai.backend.kernelspec': '9' }),
    image('debian:12', {}, false),
    image('<none>:<none>', {}),
  ];
  expect(reportedImages(list).map(([name]) => name)).toEqual(['cr.backend.ai/stable/python:3.9', 'a:1']);
});

it('is a zlib stream also of an empty list, made anew only when the list has changed', () => {
  const blob = new ImageBlob();
  const empty = blob.of([]);
  expect(inflateImages(empty)).toEqual([]);
  expect(blob.of([])).toBe(empty);
  const one = blob.of([['a:1', 'sha256:0']]);
  expect(inflateImages(one)).toEqual([['a:1', 'sha256:0']]);
  expect(blob.of([['a:1', 'sha256:0']])).toBe(one);
});

// @promise degraded-told
it('says what the node lacks, at once when that changes', () => {
  const agent: { degraded: readonly Degradation[] } = { degraded: [] };
  const sendNow = vi.fn();
  let compose = (): Uint8Array => new Uint8Array();
  const parts = {
    settings: { agent: { forceTerminateAbusingContainers: false }, debug: { heartbeatIntervalMs: 1 } },
    identity: { region: 'local', scalingGroup: 'default' },
    addresses: { ip: '10.0.0.5', rpcAddress: 'tcp://10.0.0.5:6001', publicHost: '10.0.0.5' },
    node: { agent, devices: nodeDevices([sharedCpuPlugin({ cpus: 8 }), memPlugin(2 ** 30)]) },
    redis: {
      heartbeats: (_: number, args: () => Uint8Array) => {
        compose = args;
        return { sendNow };
      },
    },
  } as unknown as MemberParts;
  const heartbeats = new Heartbeats(parts, null);
  heartbeats.tellDegraded();
  expect(sendNow).not.toHaveBeenCalled();
  expect(decodeMsgpack(compose())).not.toMatchObject([{ degraded: expect.anything() }]);
  agent.degraded = [{ mode: 'disk', since: 1, detail: 'it is full' }];
  for (let times = 0; times < 2; times += 1) heartbeats.tellDegraded();
  expect(sendNow).toHaveBeenCalledOnce();
  expect(decodeMsgpack(compose())).toMatchObject([{ degraded: { disk: 'it is full' } }]);
  agent.degraded = [];
  heartbeats.tellDegraded();
  expect(sendNow).toHaveBeenCalledTimes(2);
});
