import type { SectionDefinition } from '../definition.ts';
import { key, optional } from '../definition.ts';
import { hostPorts } from '../value-types/address.ts';
import { strictBoolean } from '../value-types/scalar.ts';
import { blankableText, path, text } from '../value-types/text.ts';

/** `[etcd]` (spec config-and-ops 3.1). */
export const etcdSection = {
  name: 'etcd',
  description:
    "Where the cluster's state lives. The presence of this section chooses cluster mode; without it kernelet runs alone.",
  keys: {
    namespace: key(optional(text), {
      default: null,
      description: 'Prefix of every key of the cluster.',
      environment: ['BACKEND_NAMESPACE'],
      requiredInCluster: true,
    }),
    addr: key(hostPorts, {
      default: '127.0.0.1:2379',
      description: 'Address of the etcd server, or of several of one cluster: the next is asked when one is gone.',
      environment: ['BACKEND_ETCD_ADDR'],
    }),
    user: key(blankableText, {
      default: '',
      description: 'User name. Credentials are sent only when it is not blank.',
      environment: ['BACKEND_ETCD_USER'],
    }),
    password: key(blankableText, {
      default: '',
      description: 'Password of the user.',
      environment: ['BACKEND_ETCD_PASSWORD'],
      secret: true,
    }),
    'ssl-enabled': key(strictBoolean, {
      default: false,
      description: 'Speaks TLS to etcd. Whether Redis does is said in etcd.',
    }),
    'ssl-ca-cert': key(optional(path), {
      default: null,
      description: "File of the authorities that may sign the certificates of etcd and Redis; none: the system's.",
    }),
    'ssl-cert': key(optional(path), {
      default: null,
      description: 'File of the certificate that is shown to etcd.',
    }),
    'ssl-key': key(optional(path), {
      default: null,
      description: 'File of its private key.',
    }),
  },
} as const satisfies SectionDefinition;
