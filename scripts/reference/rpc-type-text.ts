/** Types of arguments and results in words, from their schemas, for the reference page. Pure. */
import { z } from 'zod';

/** As much of JSON Schema as signatures come to. */
interface Schema {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: unknown;
}

const widest = 100;

/** The text of a type; what takes more than a line is laid out over several, indented by `depth` steps. */
export function typeText(schema: z.ZodType, depth = 0): string {
  return text(z.toJSONSchema(schema, { unrepresentable: 'any', override: nameNumbers }) as Schema, depth);
}

/** JSON knows no large whole numbers. */
function nameNumbers({ zodSchema, jsonSchema }: { readonly zodSchema: unknown; readonly jsonSchema: object }): void {
  if (zodSchema instanceof z.ZodBigInt) Object.assign(jsonSchema, { title: 'int' });
}

function text(schema: Schema, depth: number): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const { anyOf, allOf } = schema;
  if (anyOf) return [...new Set(anyOf.map((one) => text(one, depth)))].join(' | ');
  // What is a map, and then more closely this one.
  if (allOf) return text(allOf.at(-1) ?? {}, depth);
  const { type } = schema;
  if (typeof type === 'object') return type.map((one) => text({ ...schema, type: one }, depth)).join(' | ');
  switch (type) {
    case 'array':
      return listText(schema, depth);
    case 'object':
      return objectText(schema, depth);
    case 'integer':
      return schema.minimum === 0 && schema.maximum === 65_535 ? 'port' : 'int';
    case 'null':
      return 'nil';
    case 'number':
      return 'float';
    case 'string':
      return 'str';
    case 'boolean':
      return 'bool';
    default:
      return schema.not === undefined ? 'any' : 'nothing';
  }
}

function listText({ prefixItems, items = {} }: Schema, depth: number): string {
  if (prefixItems) return `[${prefixItems.map((one) => text(one, depth)).join(', ')}]`;
  const item = text(items, depth);
  if (item === 'nothing') return '[]';
  return item.includes(' | ') && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
}

function objectText({ properties = {}, additionalProperties, required = [] }: Schema, depth: number): string {
  const fields = Object.entries(properties).map(
    ([name, field]) => `${name}${required.includes(name) ? '' : '?'}: ${text(field, depth + 1)}`,
  );
  const others = typeof additionalProperties === 'object' ? text(additionalProperties, depth) : null;
  if (fields.length === 0) return others === null ? '{}' : `{ str: ${others} }`;
  if (additionalProperties !== false && additionalProperties !== undefined) fields.push('…');
  const line = `{ ${fields.join(', ')} }`;
  if (line.length <= widest && !line.includes('\n')) return line;
  const indent = '  '.repeat(depth + 1);
  return `{\n${fields.map((field) => `${indent}${field}\n`).join('')}${'  '.repeat(depth)}}`;
}
