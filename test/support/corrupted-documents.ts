/** For tests: correct documents with some of their values, keys or items replaced by anything, as a tenant would. */
import fc from 'fast-check';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One of these documents with up to three places corrupted. */
export function corrupted(documents: readonly unknown[]): fc.Arbitrary<unknown> {
  const odd = fc.oneof(
    fc.jsonValue() as fc.Arbitrary<Json>,
    fc.constantFrom<Json>(-1, 0.5, 2 ** 53, '', '\0', '__proto__', [], {}, null),
    fc.string({ unit: 'binary' }),
  );
  const places = fc.array(fc.tuple(fc.nat(), odd, fc.boolean()), { minLength: 1, maxLength: 3 });
  return fc.tuple(fc.constantFrom(...documents), places).map(([document, changes]) => {
    let result = structuredClone(document) as Json;
    for (const [place, value, remove] of changes) result = change(result, place, value, remove);
    return result;
  });
}

/** Goes down a path that `place` chooses, and replaces or removes what is there. */
function change(node: Json, place: number, value: Json, remove: boolean): Json {
  if (node === null || typeof node !== 'object' || place % 5 === 4) return value;
  const keys = Object.keys(node);
  const key = keys[place % Math.max(1, keys.length)];
  if (key === undefined) return value;
  const deeper = Math.floor(place / Math.max(1, keys.length));
  if (Array.isArray(node))
    return node.map((item, index) => (String(index) === key ? change(item, deeper, value, remove) : item));
  const { [key]: inner = null, ...rest } = node;
  const leaf = inner === null || typeof inner !== 'object';
  return remove && leaf ? rest : { ...rest, [key]: change(inner, deeper, value, remove) };
}
