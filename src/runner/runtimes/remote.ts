/** Runtimes that hand their queries to a service elsewhere; nothing of theirs runs in the container but the driver. */
import type { Runtime } from '../runtime.ts';
import { nothing, unable } from './plan.ts';
import { volumeDriver } from './volume-driver.ts';

function remoteRuntime<Type extends string>(type: Type, title: string, driver: string) {
  const queriesOnly = () => unable(`the runtime ${type} (${title}) takes queries only; commands and services work`);
  return {
    type,
    tools: [],
    environ: () => ({}),
    clean: () => nothing(),
    build: queriesOnly,
    exec: queriesOnly,
    program: queriesOnly,
    query: { by: 'driver', start: (context) => volumeDriver(context, driver) },
  } as const satisfies Runtime;
}

/** Speech from text by Amazon Polly. */
export const awsPolly = remoteRuntime('vendor.aws_polly', 'Amazon Polly', 'polly_driver.cjs');

/** R on a Microsoft Machine Learning Server (once R Server), which keeps the state of queries in a session. */
export const microsoftRServer = remoteRuntime('r_server_ms', 'Microsoft R Server', 'r_server_driver.cjs');
