import { key, type SectionDefinition } from '../definition.ts';
import { hostPort } from '../value-types/address.ts';
import { strictBoolean } from '../value-types/boolean.ts';
import { path, text } from '../value-types/text.ts';
import { optional } from '../value-types/value-type.ts';

/** `[watcher]` (spec config-and-ops 3.6). */
export const watcherSection = {
  name: 'watcher',
  description: 'The daemon beside the agent that restarts it on request.',
  keys: {
    'service-addr': key(hostPort(), {
      default: '0.0.0.0:6009',
      description: 'Where the watcher listens.',
      environment: ['BACKEND_WATCHER_SERVICE_IP', 'BACKEND_WATCHER_SERVICE_PORT'],
    }),
    'ssl-enabled': key(strictBoolean, { default: false, description: 'Listens with TLS.', effect: 'none-yet' }),
    'ssl-cert': key(optional(path), { default: null, description: 'File of the certificate.', effect: 'none-yet' }),
    'ssl-key': key(optional(path), {
      default: null,
      description: 'File of the private key.',
      effect: 'none-yet',
      aliases: [{ name: 'ssl-privkey' }],
    }),
    'target-service': key(text, {
      default: 'backendai-agent.service',
      description: 'The systemd unit of the agent.',
      effect: 'none-yet',
    }),
    'soft-reset-available': key(strictBoolean, {
      default: false,
      description: 'Told to the manager.',
      effect: 'none-yet',
    }),
  },
} as const satisfies SectionDefinition;
