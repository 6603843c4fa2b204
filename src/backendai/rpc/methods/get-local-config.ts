/** `get_local_config` (spec rpc 8.18): of the watcher's table only what is no secret. */
import { method } from '../rpc-method.ts';
import { getLocalConfig as signature } from '../schema/get-local-config.ts';

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
