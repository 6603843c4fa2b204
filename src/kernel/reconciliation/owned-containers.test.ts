import { describe, expect, it } from 'vitest';
import { asContainerId } from '../../lib/ids.ts';
import { labelNames } from '../container/ownership.ts';
import { placementLabels, readPlacement } from './owned-containers.ts';

describe('the labels of a placement', () => {
  it.each([
    { cpuset: null, devices: [], hostPorts: [], prewarmedNetwork: null },
    {
      cpuset: '0,1',
      devices: [
        ['cuda.device:10g-mig', 'MIG-x/9/0', '1'],
        ['cpu', '1', '1'],
        ['cpu', '0', '0.5'],
      ] as const,
      hostPorts: [{ containerPort: 80, hostPort: 30_001 }],
      prewarmedNetwork: { container: asContainerId('a'.repeat(64)), receivedBytes: 7, sentBytes: 0 },
    },
    {
      cpuset: null,
      devices: [],
      hostPorts: [
        { containerPort: 80, hostPort: 30_001 },
        { containerPort: 65_535, hostPort: 30_000 },
      ],
      prewarmedNetwork: null,
    },
  ])('give back %j', (placement) => {
    expect(readPlacement(placementLabels(placement))).toEqual(placement);
  });

  it.each(['80', '80:', '80:x', '80:1,', '80:1;81:2'])('that say %j of the ports say nothing', (ports) => {
    const labels = Object.entries(
      placementLabels({ cpuset: null, devices: [], hostPorts: [], prewarmedNetwork: null }),
    );
    expect(
      readPlacement(Object.fromEntries(labels.map(([name, text]) => [name, name === labelNames.ports ? ports : text]))),
    ).toBeNull();
    expect(readPlacement({})).toBeNull();
  });

  it.each(['', '{}', '[1]', '[["cpu","0"]]', '[["cpu","0",1]]', '[["cpu","0","x"]]', '[['])(
    'that say %j of the devices say nothing',
    (devices) => {
      const labels = placementLabels({ cpuset: null, devices: [], hostPorts: [], prewarmedNetwork: null });
      expect(readPlacement({ ...labels, [labelNames.devices]: devices })).toBeNull();
    },
  );

  it('of a version without prewarmed networks say that there is none, and odd ones say nothing', () => {
    const placement = { cpuset: '1', devices: [], hostPorts: [], prewarmedNetwork: null };
    const { [labelNames.prewarmedNetwork]: _, ...older } = placementLabels(placement);
    expect(readPlacement(older)).toEqual(placement);
    expect(readPlacement({ ...older, [labelNames.prewarmedNetwork]: '../x:1:2' })).toBeNull();
  });
});
