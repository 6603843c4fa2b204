import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../../test/support/depth.ts';
import {
  decodeStreamEvent,
  encodeStreamEvent,
  inflateImages,
  isAgentEvent,
} from '../../../../test/support/manager-wire.ts';
import { ExtensionError } from '../extension.ts';
import { MsgpackError } from '../msgpack/value.ts';
import { PickleError } from '../pickle.ts';
import { eventArguments, eventFields, eventSource, StreamEntryError } from './agent-event.ts';
import { compressImages, creationInfo, heartbeatInfo } from './info-maps.ts';

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

describe('entries of the event stream', () => {
  it('are three fields in bytes', () => {
    const fields = encodeStreamEvent({ name: 'agent_started', source: 'i-1', args: ['self-started'] });
    expect(hex(fields.args)).toBe('91ac73656c662d73746172746564');
    expect(decodeStreamEvent({ ...fields, more: fields.name })).toEqual({
      name: 'agent_started',
      source: 'i-1',
      args: ['self-started'],
    });
  });

  it('survive any bytes', () => {
    const field = fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined });
    fc.assert(
      fc.property(field, field, field, (name, source, args) => {
        const fields: Partial<Record<string, Uint8Array>> = {};
        if (name) fields['name'] = name;
        if (source) fields['source'] = source;
        if (args) fields['args'] = args;
        try {
          decodeStreamEvent(fields);
        } catch (error) {
          const expected = [StreamEntryError, MsgpackError, ExtensionError, PickleError];
          expect(expected.some((type) => error instanceof type)).toBe(true);
        }
      }),
      { numRuns: fuzzRuns(1000) },
    );
  });

  it('have their arguments in the order of the table', () => {
    const fields = { kernel: 'k', session: 's', reason: 'user-requested', exitCode: -1 };
    const args = eventArguments('kernel_terminated', fields);
    expect(args).toEqual(['k', 's', 'user-requested', -1]);
    expect(eventFields('kernel_terminated', args)).toEqual(fields);
    expect(() => eventFields('kernel_terminated', ['k'])).toThrow('has 1 arguments, 4 are needed');
    expect(isAgentEvent('do_schedule')).toBe(false);
    expect(isAgentEvent('toString')).toBe(false);
  });
});

it.each([
  ['bgtask_updated', 'manager'],
  ['bgtask_done', 'manager'],
  ['bgtask_cancelled', 'manager'],
  ['bgtask_failed', 'manager'],
  ['model_service_status_updated', 'manager'],
  ['kernel_started', 'i-1'],
  ['agent_heartbeat', 'i-1'],
] as const)('the event %s comes in the name of %s', (name, source) => {
  expect(eventSource(name, 'i-1')).toBe(source);
});

describe('a heartbeat', () => {
  const facts = {
    ip: '10.0.0.5',
    region: 'local',
    scalingGroup: 'default',
    address: 'tcp://10.0.0.5:6001',
    publicKey: '-!JThKm73vxcOmTW5)UsVG.Ty{9v($<.2j<%grht',
    publicHost: '10.0.0.5',
    slots: { cpu: ['count', '7'], mem: ['bytes', '33285996544'] },
    version: '24.09.0',
    computePlugins: { cpu: { version: '24.09.0' } },
    images: compressImages([]),
    architecture: 'x86_64',
    autoTerminateAbusing: false,
    degraded: {},
  } as const;

  it('has its keys in upstream’s order, the CURVE key as bytes, and a compressed list even when it is empty', () => {
    const info = heartbeatInfo(facts);
    expect(Object.keys(info).join(' ')).toBe(
      'ip region scaling_group addr public_key public_host resource_slots version compute_plugins images images.opts architecture auto_terminate_abusing_kernel',
    );
    expect(info['public_key']).toEqual(Buffer.from(facts.publicKey));
    expect(info['images.opts']).toEqual({ compression: 'zlib' });
    expect(heartbeatInfo({ ...facts, publicKey: null })['public_key']).toBeNull();
    const degraded = { disk: 'it is full' };
    expect(heartbeatInfo({ ...facts, degraded })).toEqual({ ...info, degraded });
    expect(inflateImages(facts.images)).toEqual([]);
    expect(() => inflateImages(Buffer.from('nonsense'))).toThrow(MsgpackError);
  });
});

describe('creation info', () => {
  it('has every key that the manager reads', () => {
    const facts = {
      kernel: 'k',
      kernelHost: '10.0.0.5',
      replInPort: 30000,
      replOutPort: 30001,
      servicePorts: [],
      containerId: 'c',
      resourceSpec: { container_id: 'c', slots: {}, allocations: {}, scratch_disk_size: 0, mounts: [] },
      scalingGroup: 'default',
      agentAddress: 'tcp://10.0.0.5:6001',
      attachedDevices: {},
    };
    const info = creationInfo(facts);
    expect(info).toEqual({
      id: 'k',
      kernel_host: '10.0.0.5',
      repl_in_port: 30000,
      repl_out_port: 30001,
      stdin_port: 0,
      stdout_port: 0,
      service_ports: [],
      container_id: 'c',
      resource_spec: facts.resourceSpec,
      scaling_group: 'default',
      agent_addr: 'tcp://10.0.0.5:6001',
      attached_devices: {},
    });
    expect(creationInfo({ ...facts, stdinPort: 7, stdoutPort: 8 })).toEqual({ ...info, stdin_port: 7, stdout_port: 8 });
  });
});
