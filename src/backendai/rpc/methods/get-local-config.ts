/** `get_local_config` (spec rpc 8.18): of the watcher's table only what is no secret. */
import { z } from 'zod';
import { port } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

const signature = define(
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

/** What managers may know of this node's file. */
export const getLocalConfig = method({
  signature,
  handle: (
    _,
    {
      services: {
        localConfig: { abuseReportPath, watcher },
      },
    },
  ) => ({
    agent: { 'abuse-report-path': abuseReportPath ?? '' },
    watcher:
      watcher === null
        ? {}
        : { 'service-addr': { host: watcher.host, port: watcher.port }, 'ssl-enabled': watcher.tls },
  }),
});
