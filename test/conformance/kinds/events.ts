/**
 * Vectors of events (`vectors` whose items have `fields`, `event` or `dialect`). Entries of the stream are decoded, and
 * their portable form is encoded; those of later releases travel otherwise too, and are decoded alone.
 */
import { eventArguments, eventFields } from '../../../src/backendai/wire/events/agent-event.ts';
import { compressImages } from '../../../src/backendai/wire/events/info-maps.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import type { MsgpackValue } from '../../../src/backendai/wire/msgpack/value.ts';
import { decodeStreamEvent, encodeStreamEvent, inflateImages, isAgentEvent } from '../../support/manager-wire.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { eventView } from '../notation/events.ts';
import { fromHex } from '../notation/hex.ts';
import { isObject, itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';

export const events: VectorKind = {
  name: 'events',
  recognises: (document) =>
    itemsOf(document, 'vectors')?.every((item) => 'fields' in item || 'event' in item || 'dialect' in item) ?? false,
  run: (document) =>
    (itemsOf(document, 'vectors') ?? []).map((vector) => runCase(String(vector['id']), () => vectorProblem(vector))),
};

function vectorProblem(vector: JsonObject): string | null {
  if (isObject(vector['fields']) && 'args' in vector['fields']) return entryProblem(vector, vector['fields']);
  return laterProblem(vector);
}

function entryProblem(vector: JsonObject, fields: JsonObject): string | null {
  const bytes = fieldBytes(fields);
  const event = decodeStreamEvent(bytes, { faithful: true });
  const portable = typeof vector['args_portable_hex'] === 'string' ? vector['args_portable_hex'] : null;
  const wantedArgs = portable ?? String(fields['args']);
  const { name, source, args } = encodeStreamEvent(event);
  const upstreamArgs = bytes['args'] ?? new Uint8Array(0);
  return (
    ('name_utf8' in vector ? difference(event.name, vector['name_utf8'], 'name') : null) ??
    ('source_utf8' in vector ? difference(event.source, vector['source_utf8'], 'source') : null) ??
    ('args' in vector ? difference(eventView(upstreamArgs), vector['args'], 'args') : null) ??
    byteDifference(name, String(fields['name']), 'name') ??
    byteDifference(source, String(fields['source']), 'source') ??
    portableProblem(vector, args, wantedArgs) ??
    tableProblem(event.name, event.args, wantedArgs) ??
    imagesProblem(vector, event.args)
  );
}

/** Later releases' values may have extension values without a portable form beside them. */
function portableProblem(vector: JsonObject, args: Uint8Array, wanted: string): string | null {
  if ('args_portable' in vector) {
    const problem = difference(eventView(args), vector['args_portable'], 'portable args');
    if (problem) return problem;
  }
  return 'dialect' in vector ? null : byteDifference(args, wanted, 'portable args');
}

/** The table of events has every argument of those that agents send or read, in its place. */
function tableProblem(name: string, args: readonly MsgpackValue[], wanted: string): string | null {
  if (!isAgentEvent(name)) return null;
  const built = eventArguments(name, eventFields(name, args) as never);
  return Buffer.from(encodeMsgpack(built)).toString('hex') === wanted ||
    built.length < args.length ||
    hasExtensions(wanted)
    ? null
    : 'args are others by the table of events';
}

function hasExtensions(hex: string): boolean {
  return JSON.stringify(eventView(fromHex(hex))).includes('"$ext"');
}

function imagesProblem(vector: JsonObject, args: readonly MsgpackValue[]): string | null {
  const wanted = vector['images_decoded'];
  if (!isObject(wanted)) return null;
  const info = args[0];
  const blob = info instanceof Map ? info.get('images') : undefined;
  if (!(blob instanceof Uint8Array)) return 'the heartbeat has no list of images';
  const again = compressImages(wanted['decoded'] as [string, string][]);
  return (
    difference(inflateImages(blob), wanted['decoded'], 'images') ??
    byteDifference(blob, String(wanted['zlib_hex']), 'images') ??
    byteDifference(
      encodeMsgpack(inflateImages(again)),
      String(wanted['inflated_msgpack_hex']),
      'our own images, inflated,',
    )
  );
}

/** What is not on the 24.09 stream: JSON texts, messages, keys, chunks. Their bytes must be what they are said to be. */
function laterProblem(vector: JsonObject): string | null {
  const { fields, message_utf8: message } = vector;
  if (isObject(fields)) {
    const payload = JSON.parse(fromHex(fields['payload']).toString()) as unknown;
    return difference(payload, vector['payload'], 'payload');
  }
  if (typeof message === 'string') return messageProblem(JSON.parse(message) as unknown, vector);
  if (typeof vector['element_utf8'] === 'string') return null;
  if (typeof vector['value_utf8'] === 'string')
    return Array.isArray(JSON.parse(vector['value_utf8'])) ? null : 'no list';
  return isObject(vector['hash']) ? null : 'the transport is not known';
}

function messageProblem(message: unknown, vector: JsonObject): string | null {
  if (!isObject(message)) return 'the message is no object';
  const { name, source, args, payload } = message;
  if (typeof payload === 'string') return difference(JSON.parse(payload), vector['payload'], 'payload');
  const encoded = Buffer.from(String(args), 'base64');
  const event = decodeStreamEvent(
    { name: Buffer.from(String(name)), source: Buffer.from(String(source)), args: encoded },
    { faithful: true },
  );
  return byteDifference(encodeStreamEvent(event).args, encoded.toString('hex'), 'args');
}

/** The fields of an entry in bytes. */
export function fieldBytes(fields: JsonObject): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(Object.entries(fields).map(([key, hex]) => [key, fromHex(hex)]));
}
