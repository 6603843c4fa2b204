/** What a heartbeat says of this node, out of what the agent knows of it (spec cluster-state 5.1). Pure. */

import type { NodeResources } from '../../agent/node-resources.ts';
import type { ImageView } from '../../images/views.ts';
import { imageLabels } from '../../protocol/image-contract.ts';
import type { HeartbeatFacts } from '../wire/events/heartbeat.ts';

/** What does not come from the agent's state. */
export type HeartbeatIdentity = Omit<HeartbeatFacts, 'slots' | 'computePlugins' | 'images' | 'architecture'>;

/** The facts; `images` is the list in its form on the wire. */
export function heartbeatFacts(
  identity: HeartbeatIdentity,
  { slots, plugins }: Pick<NodeResources, 'slots' | 'plugins'>,
  images: Uint8Array,
  architecture: string,
): HeartbeatFacts {
  return {
    ...identity,
    slots: Object.fromEntries(slots.map(({ slot, type, available }) => [slot, [type, available] as const])),
    computePlugins: plugins,
    images,
    architecture: machineName(architecture),
  };
}

/** Names and ids of the images that managers may order: those with a label of ours, under each of their names. */
export function reportedImages(images: readonly ImageView[]): readonly (readonly [name: string, id: string])[] {
  return images
    .filter(({ labelled, labels, reference }) => labelled && isServed(labels) && !reference.includes('<none>'))
    .map(({ reference, id }) => [reference, id]);
}

const isServed = (labels: ImageView['labels']): boolean => (labels[imageLabels.kernelspec] ?? '1') === '1';

const machineNames: Readonly<Record<string, string>> = {
  arm64: 'aarch64',
  amd64: 'x86_64',
  x64: 'x86_64',
  x32: 'x86',
  i686: 'x86',
};

/** The machine as the manager writes it. */
export function machineName(architecture: string): string {
  const name = architecture.toLowerCase();
  return machineNames[name] ?? name;
}
