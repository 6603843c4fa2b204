/**
 * Before the integration tests: an engine must answer at DOCKER_HOST (`npm test` starts one), and the images that the
 * tests use are there.
 */
import { ensureImages } from './test-images.ts';

export function setup(): void {
  ensureImages(['python', 'python-science', 'shell', 'gcc', 'nodejs', 'r']);
}
