/**
 * The engine's events as hints. The stream is asked for everything since the moment before the request: the engine
 * answers before it has subscribed the caller, and what happens in between would be lost.
 */
import type { Clock } from '../../lib/clock.ts';
import { toKerneletError } from '../../lib/errors.ts';
import { asContainerId } from '../../lib/ids.ts';
import { Backoff } from '../../lib/retry.ts';
import type { EngineEvent } from '../engine.ts';
import { child, type Fields, JsonLines, text, textMap } from './replies.ts';
import type { EngineRequest } from './transport.ts';
import type { VersionedTransport } from './versioned-transport.ts';

type ContainerEvent = Extract<EngineEvent, { type: 'container' }>;

const actions: Readonly<Record<string, ContainerEvent['action']>> = {
  create: 'created',
  start: 'started',
  die: 'died',
  oom: 'out-of-memory',
  destroy: 'destroyed',
  kill: 'killed',
  pause: 'paused',
  unpause: 'resumed',
  restart: 'other',
  stop: 'other',
  rename: 'other',
};
/** Facts of the event that stand among the container's labels. */
const ownAttributes = new Set(['name', 'image', 'exitCode', 'signal']);

/** Events for ever, over as many connections as it takes, until the signal aborts. */
export async function* readEvents(
  transport: VersionedTransport,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, void, undefined> {
  const backoff = new Backoff({ initialMs: 100, maximumMs: 5_000, clock });
  let announced = false;
  while (!signal.aborted) {
    try {
      for await (const event of readConnection(transport, clock, signal)) {
        if (event.type === 'connected') {
          announced = false;
          backoff.reset();
        }
        yield event;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      // One announcement for each loss, however many attempts fail.
      if (!announced) yield { type: 'disconnected', error: toKerneletError(thrown).message };
      announced = true;
    }
    await backoff.wait(signal).catch(() => {});
  }
}

/** One connection: `connected`, then hints; always ends with an error. */
async function* readConnection(
  transport: VersionedTransport,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, never, undefined> {
  const request: EngineRequest = {
    method: 'GET',
    path: '/events',
    query: {
      since: (clock.now() / 1000).toFixed(3),
      filters: JSON.stringify({ type: ['container'], event: Object.keys(actions) }),
    },
    what: 'stream its events',
  };
  const reply = await transport.stream(request, signal);
  yield { type: 'connected' };
  const lines = new JsonLines();
  for await (const chunk of transport.chunks(reply, request, signal)) {
    for (const line of lines.push(chunk)) {
      const event = readEvent(line);
      if (event) yield event;
    }
  }
  throw new Error('the engine ended its stream of events');
}

/**
 * One event of a container; undefined for anything else. The engine mixes labels, which tenants write, among the facts,
 * and lets them win: a hint may lie about everything but the id, the name and the action.
 */
export function readEvent(line: Fields): ContainerEvent | undefined {
  if (text(line, 'Type') !== 'container') return undefined;
  const actor = child(line, 'Actor');
  const id = text(actor, 'ID');
  if (id === '') return undefined;
  const attributes = textMap(actor, 'Attributes');
  const exitCode = /^\d{1,3}$/.test(attributes['exitCode'] ?? '') ? Number(attributes['exitCode']) : undefined;
  const word = text(line, 'Action');
  return {
    type: 'container',
    action: Object.hasOwn(actions, word) ? (actions[word] ?? 'other') : 'other',
    id: asContainerId(id),
    name: attributes['name'] ?? '',
    labels: Object.fromEntries(Object.entries(attributes).filter(([key]) => !ownAttributes.has(key))),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}
