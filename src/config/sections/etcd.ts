import type { SectionDefinition } from '../definition.ts';
import { key } from '../definition.ts';
import { hostPort } from '../kinds/address.ts';
import { optional } from '../kinds/kind.ts';
import { blankableText, text } from '../kinds/text.ts';

/** `[etcd]` (spec config-and-ops 3.1). */
export const etcdSection = {
  name: 'etcd',
  description:
    "Where the cluster's state lives. The presence of this section chooses cluster mode; without it kernelet runs alone.",
  keys: {
    namespace: key(optional(text), {
      default: null,
      description: 'Prefix of every key of the cluster.',
      effect: 'none-yet',
      environment: ['BACKEND_NAMESPACE'],
      requiredInCluster: true,
    }),
    addr: key(hostPort(), {
      default: '127.0.0.1:2379',
      description: 'Address of the etcd server.',
      effect: 'none-yet',
      environment: ['BACKEND_ETCD_ADDR'],
    }),
    user: key(blankableText, {
      default: '',
      description: 'User name. Credentials are sent only when it is not blank.',
      effect: 'none-yet',
      environment: ['BACKEND_ETCD_USER'],
    }),
    password: key(blankableText, {
      default: '',
      description: 'Password of the user.',
      effect: 'none-yet',
      environment: ['BACKEND_ETCD_PASSWORD'],
      secret: true,
    }),
  },
} as const satisfies SectionDefinition;
