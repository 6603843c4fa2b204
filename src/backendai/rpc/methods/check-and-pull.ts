/** `check_and_pull` of 24.12 (spec rpc 9.3). */
import { credentials } from '../image-name.ts';
import { method } from '../rpc-method.ts';
import { checkAndPull as signature } from '../schema/check.ts';

const policies = ['digest', 'tag', 'none'] as const;

/** Begins to fetch images ahead of the kernels that need them: one task for each, by the name that was given. */
export const checkAndPull = method({
  signature,
  notable: true,
  handle: async ({ image_configs: configs }, { services: { images } }) => {
    const begun: Record<string, string> = {};
    for (const [name, { canonical, digest, registry, auto_pull }] of Object.entries(configs)) {
      const pull = policies.find((policy) => policy === auto_pull) ?? 'digest';
      const task = await images.pull({ image: canonical, pull, imageId: digest }, credentials(registry));
      begun[name] = task.replaceAll('-', '');
    }
    return begun;
  },
});
