/** The runner volume for kernels that may never be made: built by the first one that is, and then known. */
import type { RunnerVolume } from '../storage/runner-volume.ts';

/**
 * Answers with the path of the volume, which is built by the first call; calls meanwhile share that. A failure is
 * thrown to them and not kept: what was in the way may be gone for the next.
 */
export function runnerVolumeOnDemand(ensure: () => Promise<RunnerVolume>): () => Promise<string> {
  let path: Promise<string> | null = null;
  const build = async (): Promise<string> => {
    try {
      return (await ensure()).path;
    } catch (error) {
      path = null;
      throw error;
    }
  };
  return () => {
    path ??= build();
    return path;
  };
}
