import { z } from 'zod';
import { define } from './define.ts';
import { port } from './fields.ts';

/** `get_local_config`; 26.8 gives its agent id by position (spec rpc 8.18, 9.2). */
export const getLocalConfig = define(
  'get_local_config',
  { agent_id: z.string().nullable().default(null) },
  z.strictObject({
    agent: z.strictObject({ 'abuse-report-path': z.string() }),
    watcher: z.looseObject({
      'service-addr': z.strictObject({ host: z.string(), port }).optional(),
      'ssl-enabled': z.boolean().optional(),
    }),
  }),
);
