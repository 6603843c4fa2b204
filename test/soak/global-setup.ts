/** Before the soak: the image that its kernels have is there. */
import { ensureImages } from '../support/test-images.ts';

export function setup(): void {
  ensureImages(['python']);
}
