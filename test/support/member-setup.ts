/** Before the tests of members of a cluster: an engine, and the images of their kernels. */
import { ensureImages } from './test-images.ts';

export function setup(): void {
  ensureImages(['python', 'shell']);
}
