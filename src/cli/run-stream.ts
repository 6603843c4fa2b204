/** The events of a run, each exactly once, through daemons that die and come back. */
import type { Clock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { ApiClient } from './api-client.ts';
import { reopened } from './reopened.ts';

/** Which run to follow. */
export interface RunStreamOptions {
  readonly client: Pick<ApiClient, 'runEvents'>;
  readonly kernel: string;
  readonly run: string;
  /** Only events with a higher number; 0 when absent. */
  readonly after?: number;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Follows a run up to and with `finished`. Rejects with DAEMON_UNREACHABLE when the daemon stays away. */
export async function* followRun(options: RunStreamOptions): AsyncGenerator<NumberedRunEvent> {
  const { client, kernel, run, signal, clock } = options;
  let last = options.after ?? 0;
  const stream = reopened((patience) => client.runEvents(kernel, run, last, { signal, patience }), signal, clock);
  for await (const event of stream) {
    if (event.n <= last) continue;
    if (event.n !== last + 1) throw new KerneletError('PROTOCOL_ERROR', lostText(last, event.n));
    last = event.n;
    yield event;
    if (event.event.kind === 'finished') return;
  }
}

const lostText = (last: number, next: number): string =>
  `output was lost: event ${next} came after event ${last} of the run`;
