/** Captured entries of the event stream: an array of objects with `fields_hex`. */

import { eventArguments, eventFields } from '../../../src/backendai/wire/events/agent-event.ts';
import { encodeMsgpack } from '../../../src/backendai/wire/msgpack/encode.ts';
import { decodeStreamEvent, encodeStreamEvent, isAgentEvent } from '../../support/manager-wire.ts';
import { capturedView } from '../notation/captured.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { plainView } from '../notation/plain-view.ts';
import { isObject, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { fieldBytes } from './events.ts';

export const capturedStream: VectorKind = {
  name: 'captured stream entries',
  recognises: (document) =>
    Array.isArray(document) &&
    document.length > 0 &&
    document.every((item) => isObject(item) && isObject(item['fields_hex'])),
  run: (document) =>
    (document as readonly JsonObject[]).map((entry) =>
      runCase(`${String(entry['id'])} ${String(entry['name'])}`, () => entryProblem(entry)),
    ),
};

/** Decodes to its view; without extension values the same bytes come back, with them the portable form is equal. */
function entryProblem(entry: JsonObject): string | null {
  const hex = entry['fields_hex'] as JsonObject;
  const bytes = fieldBytes(hex);
  const event = decodeStreamEvent(bytes, { faithful: true });
  const again = encodeStreamEvent(event);
  const view = capturedView(bytes['args'] ?? new Uint8Array(0));
  const byTable = isAgentEvent(event.name)
    ? encodeMsgpack(eventArguments(event.name, eventFields(event.name, event.args) as never))
    : again.args;
  const hasExtensions = JSON.stringify(view).includes('"$ext"');
  return (
    difference(event.name, entry['name'], 'name') ??
    difference(event.source, entry['source'], 'source') ??
    difference(view, entry['args'], 'args') ??
    byteDifference(again.name, String(hex['name']), 'name') ??
    byteDifference(again.source, String(hex['source']), 'source') ??
    byteDifference(byTable, Buffer.from(again.args).toString('hex'), 'args by the table of events') ??
    (hasExtensions
      ? difference(capturedView(again.args), plainView(entry['args']), 'portable args')
      : byteDifference(again.args, String(hex['args']), 'args'))
  );
}
