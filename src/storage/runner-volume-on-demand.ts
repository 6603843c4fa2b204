/** The runner volume for kernels that may never be made: installed by the first one that is, and then known. */

/**
 * Answers with the path of the volume, which is installed by the first call; calls meanwhile share that. A failure is
 * thrown to them and not kept: what was in the way may be gone for the next.
 */
export function runnerVolumeOnDemand(install: () => Promise<string>): () => Promise<string> {
  let path: Promise<string> | null = null;
  const tryOnce = async (): Promise<string> => {
    try {
      return await install();
    } catch (error) {
      path = null;
      throw error;
    }
  };
  return () => {
    path ??= tryOnce();
    return path;
  };
}
