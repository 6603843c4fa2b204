/** Whether an image can run on the engine's machine. */
import type { EngineImage } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';

/** Names that machines give themselves (`uname -m`) and the names that images have for them. */
const imageArchitectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  armv6l: 'arm',
  i686: '386',
  i386: '386',
};

/** Architectures that run others' programs as their own. */
const alsoRuns: Readonly<Record<string, readonly string[]>> = { amd64: ['386'] };

/**
 * Throws IMAGE_UNUSABLE, which names both sides, when the image is for another operating system or processor than the
 * engine's. What an image doesn't say is taken to fit.
 */
export function checkUsable(image: EngineImage, reference: string, engineArchitecture: string): void {
  const own = imageArchitectures[engineArchitecture] ?? engineArchitecture;
  const unusable = (what: string): KerneletError =>
    new KerneletError('IMAGE_UNUSABLE', `image ${reference} is for ${what}: this machine runs linux/${own}`, {
      context: { image: reference, imageArchitecture: image.architecture, engineArchitecture: own },
    });
  const os = image.os.slice(0, 40);
  const architecture = image.architecture.slice(0, 40);
  if (os !== '' && os !== 'linux') throw unusable(`${os}/${architecture}`);
  if (architecture === '' || architecture === own || alsoRuns[own]?.includes(architecture)) return;
  throw unusable(`linux/${architecture}`);
}
