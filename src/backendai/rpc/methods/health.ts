/** `health` of 25.17 and `health_v2` of 26.4 (spec rpc 9.3). */
import { healthReport } from '../health-report.ts';
import { method, type RpcCall } from '../rpc-method.ts';
import { health as signature, healthV2 as signatureV2 } from '../schema/health.ts';

const handle = async (_: unknown, { services }: RpcCall) => healthReport(await services.health(), Date.now());

/** Whether the engine, etcd and Redis answer. */
export const health = method({ signature, waitsOnly: true, handle });

/** The same for managers of the third style. */
export const healthV2 = method({ signature: signatureV2, waitsOnly: true, handle });
