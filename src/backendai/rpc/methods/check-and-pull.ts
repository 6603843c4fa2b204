/** `check_and_pull`: one background task for each image (spec rpc 9.3). */
import { z } from 'zod';
import { credentials, imageConfig, textMap } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const policies = ['digest', 'tag', 'none'] as const;

const signature = define('check_and_pull', { image_configs: z.record(z.string(), imageConfig) }, textMap);

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
