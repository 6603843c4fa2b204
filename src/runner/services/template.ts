/**
 * Templates of service definitions: Python's `str.format` with a mapping (spec kernel-runner 12.2), as far as real
 * definitions use it. `{name}`, `{name[0]}`, `{name[key]}`, `!r !s !a`, and `{{` `}}` for the braces themselves. Pure.
 */
import { pythonRepr } from '../../lib/python-repr.ts';

/** What a name in a template may stand for. */
export type TemplateValue =
  | string
  | number
  | null
  | readonly TemplateValue[]
  | { readonly [key: string]: TemplateValue };

/** What each name in a template stands for. */
export type TemplateVariables = ReadonlyMap<string, TemplateValue>;

/** A template that cannot be expanded; the message is the `repr` of Python's error. */
export class TemplateError extends Error {
  constructor(type: 'ValueError' | 'KeyError' | 'IndexError' | 'TypeError' | 'AttributeError', text: string) {
    super(`${type}(${pythonRepr(text)})`);
  }
}

/**
 * Characters that all texts of a thing together may become: a name may stand for much, and be there often. The system
 * takes no larger arguments either.
 */
const maxTexts = 1024 * 1024;
const fieldForm = /^([^.[\]!:{}]*)((?:\[[^\]]*\]|\.[^.[\]]*)*)$/;
const accessorForm = /\[([^\]]*)\]|\.([^.[\]]*)/g;

/** Expands templates that belong to one thing. Throws TemplateError. */
export function expandTemplates(templates: readonly string[], variables: TemplateVariables): readonly string[] {
  let left = maxTexts;
  return templates.map((template) => {
    const text = expand(template, variables, left);
    left -= text.length;
    return text;
  });
}

/** Expands a template. Throws TemplateError. */
export function expandTemplate(template: string, variables: TemplateVariables): string {
  return expand(template, variables, maxTexts);
}

function expand(template: string, variables: TemplateVariables, maxLength: number): string {
  let expanded = '';
  for (let at = 0; at < template.length; ) {
    const character = template.charAt(at);
    if (character !== '{' && character !== '}') {
      expanded += character;
      at += 1;
    } else if (template.charAt(at + 1) === character) {
      expanded += character;
      at += 2;
    } else {
      if (character === '}') throw new TemplateError('ValueError', "Single '}' encountered in format string");
      const end = template.indexOf('}', at);
      if (end < 0) throw new TemplateError('ValueError', "Single '{' encountered in format string");
      expanded += field(template.slice(at + 1, end), variables);
      at = end + 1;
    }
    if (expanded.length > maxLength) throw new TemplateError('ValueError', 'what it stands for is too long');
  }
  return expanded;
}

function field(text: string, variables: TemplateVariables): string {
  const [, reference = text, conversion = 's', format = ''] = /^(.*?)(?:!(.))?(?::(.*))?$/s.exec(text) ?? [];
  if (format !== '' && format !== 's' && format !== 'd')
    throw new TemplateError('ValueError', `Invalid format specifier '${format}'`);
  const value = lookUp(reference, variables);
  switch (conversion) {
    case 's':
      return shown(value);
    case 'r':
      return represented(value);
    case 'a':
      return represented(value).replace(/[^\0-\x7f]/gu, escaped);
    default:
      throw new TemplateError('ValueError', `Unknown conversion specifier ${conversion}`);
  }
}

function lookUp(reference: string, variables: TemplateVariables): TemplateValue {
  const [, name, accessors] = fieldForm.exec(reference) ?? [];
  if (name === undefined || accessors === undefined)
    throw new TemplateError('ValueError', 'unexpected character in a field of a format string');
  const found = variables.get(name);
  if (found === undefined) throw new TemplateError('KeyError', name);
  let value = found;
  for (const [, key, attribute] of accessors.matchAll(accessorForm)) {
    if (key === undefined) throw new TemplateError('AttributeError', `no attribute ${attribute ?? ''}`);
    value = element(value, key);
  }
  return value;
}

function element(value: TemplateValue, key: string): TemplateValue {
  if (key === '') throw new TemplateError('ValueError', 'Empty attribute in format string');
  if (isList(value)) {
    if (!/^\d+$/.test(key)) throw new TemplateError('TypeError', 'list indices must be integers or slices, not str');
    const found = value[Number(key)];
    if (found === undefined) throw new TemplateError('IndexError', 'list index out of range');
    return found;
  }
  if (typeof value !== 'object' || value === null) throw new TemplateError('TypeError', 'this value has no elements');
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  if (found === undefined) throw new TemplateError('KeyError', key);
  return found;
}

const isList = (value: TemplateValue): value is readonly TemplateValue[] => Array.isArray(value);

const shown = (value: TemplateValue): string => (typeof value === 'string' ? value : represented(value));

function represented(value: TemplateValue): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return pythonRepr(value);
  if (typeof value === 'number') return String(value);
  if (isList(value)) return `[${value.map(represented).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${pythonRepr(key)}: ${represented(item)}`)
    .join(', ')}}`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code > 0xffff) return `\\U${code.toString(16).padStart(8, '0')}`;
  return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16)}`;
}
