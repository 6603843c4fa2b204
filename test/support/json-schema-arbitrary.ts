/** Values of a JSON Schema, as far as an OpenAPI document of ours uses it, for tests that know an API by its document alone. */
import fc from 'fast-check';

/** A JSON Schema, with the keywords that our documents have. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly propertyNames?: Schema;
}

/** Schemas by name, to which `#/components/schemas/NAME` refers. */
export type Definitions = Readonly<Record<string, Schema>>;

/** Long enough to be anything, and short enough to be many. */
const longest = 40;
const most = 4;

/** Values that fit the schema. Throws for a keyword that it does not know how to fill. */
export function valuesOf(schema: Schema, definitions: Definitions): fc.Arbitrary<unknown> {
  const of = (inner: Schema) => valuesOf(inner, definitions);
  if (schema.$ref !== undefined) {
    const found = definitions[schema.$ref.replace('#/components/schemas/', '')];
    if (!found) throw new Error(`the document has no ${schema.$ref}`);
    return of(found);
  }
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(of));
  if (schema.allOf) return of(Object.assign({}, ...schema.allOf));
  const { type } = schema;
  if (type !== undefined && typeof type !== 'string')
    return fc.oneof(...type.map((each) => of({ ...schema, type: each })));
  switch (type) {
    case 'string':
      return texts(schema);
    case 'integer':
      return fc.integer({ min: lowest(schema), max: Math.min(schema.maximum ?? 2 ** 31 - 1, 2 ** 31 - 1) });
    case 'number':
      return fc.double({ min: lowest(schema), max: schema.maximum ?? 1e12, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(of(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? most, most),
      });
    case 'object':
      return objects(schema, of);
    case undefined:
      return fc.jsonValue();
    default:
      throw new Error(`values of the type ${type} are not known`);
  }
}

function lowest({ minimum, exclusiveMinimum, type }: Schema): number {
  if (exclusiveMinimum !== undefined) return type === 'integer' ? exclusiveMinimum + 1 : exclusiveMinimum + 1e-3;
  return Math.max(minimum ?? 0, -(2 ** 31));
}

function texts({ pattern, format, minLength = 0, maxLength = longest }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (pattern !== undefined && !pattern.includes('\\p{')) return fc.stringMatching(new RegExp(pattern, 'u'));
  return fc.string({ unit: 'grapheme', minLength, maxLength: Math.max(minLength, Math.min(maxLength, longest)) });
}

function objects(schema: Schema, of: (inner: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties, propertyNames } = schema;
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, of(inner)])), {
    requiredKeys: required.filter((key) => key in properties),
  });
  if (typeof additionalProperties !== 'object') return known;
  const names = texts(propertyNames ?? {});
  const more = fc.dictionary(names, of(additionalProperties), { maxKeys: most });
  return fc.tuple(more, known).map(([first, second]) => ({ ...first, ...second }));
}
