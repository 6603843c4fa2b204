/** Bytes over the network, from the container's own namespace. */
import { networkBytes } from '../network-bytes.ts';
import type { ContainerFamily } from './family.ts';

/** The family. */
export const networkFamily: ContainerFamily = {
  name: 'network',
  open(place) {
    // The open file keeps the namespace: its figures stay the container's, even when the pid is given to another.
    const file = place.file(`${place.processFolder}/net/dev`);
    return () => networkBytes(file.read(), { loopback: false });
  },
};
