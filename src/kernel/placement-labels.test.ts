import { describe, expect, it } from 'vitest';
import { placementLabels, readPlacement } from './placement-labels.ts';

describe('the labels of a placement', () => {
  it.each([
    { cpuset: null, hostPorts: [] },
    { cpuset: '0-2,5', hostPorts: [{ containerPort: 80, hostPort: 30_001 }] },
    {
      cpuset: null,
      hostPorts: [
        { containerPort: 80, hostPort: 30_001 },
        { containerPort: 65_535, hostPort: 30_000 },
      ],
    },
  ])('give back %j', (placement) => {
    expect(readPlacement(placementLabels(placement))).toEqual(placement);
  });

  it.each(['80', '80:', '80:x', '80:1,', '80:1;81:2'])('that say %j of the ports say nothing', (ports) => {
    const labels = Object.entries(placementLabels({ cpuset: null, hostPorts: [] }));
    expect(
      readPlacement(Object.fromEntries(labels.map(([name, text]) => [name, text === '' ? ports : text]))),
    ).toBeNull();
    expect(readPlacement({})).toBeNull();
  });
});
