/** What a real manager and its agent said to each other (`scenario`): a case is one call, or one entry of the stream. */

import { eventArguments, eventFields } from '../../../src/backendai/wire/events/agent-event.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import type { MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';
import { decodeStreamEvent, encodeStreamEvent, isAgentEvent } from '../../support/manager-wire.ts';
import { fromBase64 } from '../notation/base64.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { comparable, portableValue, trafficView } from '../notation/traffic.ts';
import { isObject, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { headerView, type ReadMessage, readFrames, rewriteDifference } from './frames.ts';
import { bodyOf, signatureProblem } from './rpc-methods.ts';

export const managerTraffic: VectorKind = {
  name: 'manager traffic',
  recognises: (document) => isObject(document) && typeof document['scenario'] === 'string',
  run: (document) => [
    ...listOf(document, 'calls').map((call, index) =>
      runCase(`call ${index} ${String(call['method'])}`, () => callProblem(call)),
    ),
    ...listOf(document, 'events').map((entry) =>
      runCase(`${String(entry['id'])} ${String(entry['name'])}`, () => entryProblem(entry)),
    ),
  ],
};

function callProblem(call: JsonObject): string | null {
  const request = message(call['request_frames_b64']);
  const method = String(call['method']);
  return (
    difference(request.header?.type, 'function', 'type of the request') ??
    headerProblem(request, call['header'], 'request') ??
    difference(request.header?.method, method, 'method') ??
    difference(trafficView(bodyOf(request)), comparable({ args: call['args'], kwargs: call['kwargs'] }), 'request') ??
    rewriteDifference(request) ??
    replyProblem(method, request, call) ??
    cancelProblem(request, call)
  );
}

/** A null is a call that was cancelled, or whose agent was dead: then the request alone must be understood. */
function replyProblem(method: string, request: ReadMessage, { reply: wanted }: JsonObject): string | null {
  if (wanted === null) return signatureProblem(method, request, null);
  if (!isObject(wanted)) return 'there is neither a reply nor a null in its place';
  const reply = message(wanted['reply_frames_b64']);
  const identity = request.header && {
    ...headerView(request.header),
    type: reply.header && headerView(reply.header)['type'],
  };
  const sameMessage =
    difference(reply.header?.type.toUpperCase(), wanted['type'], 'type of the reply') ??
    headerProblem(reply, identity, 'reply') ??
    rewriteDifference(reply);
  if (sameMessage) return sameMessage;
  if (wanted['type'] === 'RESULT') {
    return (
      difference(trafficView(bodyOf(reply)), comparable(wanted['result']), 'result') ??
      signatureProblem(method, request, reply)
    );
  }
  // The class of a failure is upstream's, also where ours is another: what has to be understood is the request.
  return (
    difference(wanted['type'], 'FAILURE', 'type of the reply') ??
    difference(reply.data && trafficView(reply.data.meta), wanted['failure'], 'failure') ??
    signatureProblem(method, request, null)
  );
}

/** A cancellation names the call that it cancels. */
function cancelProblem(request: ReadMessage, call: JsonObject): string | null {
  if (!('cancel_frames_b64' in call)) return null;
  const cancel = message(call['cancel_frames_b64']);
  return (
    difference(cancel.header?.type, 'cancel', 'type of the cancellation') ??
    difference(cancel.header?.sequence, request.header?.sequence, 'sequence number of the cancellation') ??
    rewriteDifference(cancel)
  );
}

/** What was recorded in bytes is read; the rest is written in plain values and read. */
function entryProblem(entry: JsonObject): string | null {
  if (!/^\d+-\d+$/.test(String(entry['id']))) return 'the id is none of a stream';
  const wanted = [entry['name'], entry['source']];
  if (!Array.isArray(entry['args'])) return 'the arguments are no list';
  const portable = entry['args'].map((value) => portableValue(value));
  const written = encodeStreamEvent({ name: String(entry['name']), source: String(entry['source']), args: portable });
  const bytes = isObject(entry['fields_b64'])
    ? Object.fromEntries(Object.entries(entry['fields_b64']).map(([key, text]) => [key, fromBase64(text)]))
    : { ...written };
  const event = decodeStreamEvent(bytes, { faithful: true });
  const recorded =
    'fields_b64' in entry
      ? difference(trafficView(bytes['args'] ?? Buffer.of()), comparable(entry['args']), 'args')
      : null;
  return (
    difference([event.name, event.source], wanted, 'name and source') ??
    recorded ??
    byteDifference(encodeStreamEvent(event).args, Buffer.from(written.args).toString('hex'), 'portable args') ??
    tableProblem(event.name, event.args, written.args)
  );
}

/** The table of events has every argument of those that agents send or read, in its place. */
function tableProblem(name: string, args: readonly MsgpackValue[], wanted: Uint8Array): string | null {
  if (!isAgentEvent(name)) return null;
  const built = encodeMsgpack(eventArguments(name, eventFields(name, args) as never));
  return byteDifference(built, Buffer.from(wanted).toString('hex'), 'args by the table of events');
}

function headerProblem({ header }: ReadMessage, wanted: unknown, what: string): string | null {
  return difference(header && headerView(header), wanted, `header of the ${what}`);
}

function message(frames: unknown): ReadMessage {
  if (!Array.isArray(frames)) throw new Error('there are no frames');
  return readFrames(frames.map(fromBase64));
}

function listOf(document: unknown, key: string): readonly JsonObject[] {
  const items = isObject(document) ? document[key] : undefined;
  if (!Array.isArray(items) || !items.every(isObject)) throw new Error(`there is no list of ${key}`);
  return items;
}
