/**
 * Values with the forms that they offer. Whoever wants more than the text of `util.inspect` gives a value the method
 * `[Symbol.for('Jupyter.display')]()`, as for Deno's notebooks, which answers with an object of forms by their media types.
 */
'use strict';
const { Buffer } = require('node:buffer');
const util = require('node:util');

/** Bytes of a value that fit into one event of a run (`maxDisplayBytes` of the protocol). */
const largest = 960 * 1024;
const binaryType = /^(?:image\/(?!svg\+xml)|audio\/|video\/|application\/pdf)/;
const method = Symbol.for('Jupyter.display');
// A query may give the names of globals to something else.
const { entries } = Object;
const { isView } = ArrayBuffer;
const { stringify } = JSON;

/** The forms of a value, by their types. A proxy answers to any name. */
function bundleOf(value) {
  const offered = util.types.isProxy(value) ? undefined : value?.[method]?.();
  const bundle = typeof offered === 'object' && offered !== null ? offered : {};
  return 'text/plain' in bundle ? bundle : { ...bundle, 'text/plain': util.inspect(value) };
}

/** The forms for the runner; of those that are too large for a value only how much they are. */
function formsOf(bundle) {
  const forms = entries(bundle)
    .filter(([, data]) => data !== undefined && data !== null)
    .map(([type, data]) => formOf(type, data));
  let total = forms.reduce((sum, form) => sum + sizeOf(form), 0);
  for (const form of [...forms].sort((one, other) => sizeOf(other) - sizeOf(one))) {
    if (total <= largest) break;
    form.bytes = sizeOf(form);
    total -= form.bytes;
    form.data = undefined;
  }
  return forms;
}

/** Strings of binary types are base64, by convention. */
function formOf(type, data) {
  if (isView(data)) {
    const encoded = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    return { type, encoding: 'base64', data: encoded };
  }
  if (typeof data === 'string') return { type, encoding: binaryType.test(type) ? 'base64' : 'text', data };
  return { type, encoding: 'text', data: stringify(data) };
}

const sizeOf = ({ encoding, data, bytes }) =>
  bytes ?? Buffer.byteLength(data, encoding === 'base64' ? 'base64' : 'utf8');

module.exports = { bundleOf, formsOf, largest };
