import { describe, expect, it } from 'vitest';
import { expandTemplate, expandTemplates, type TemplateValue } from './template.ts';

const variables = new Map<string, TemplateValue>([
  ['runtime_path', '/usr/bin/python3'],
  ['ports', [8080, 8081]],
  ['var', { out: 'text\n', err: '' }],
  ['nothing', null],
]);
const expand = (template: string): string => expandTemplate(template, variables);

describe('expandTemplate', () => {
  it('puts values in the place of names, as Python does', () => {
    expect(expand('{runtime_path} -p {ports[1]} {var[out]}')).toBe('/usr/bin/python3 -p 8081 text\n');
    expect(expand("tornado = {{'headers': {{}}}}")).toBe("tornado = {'headers': {}}");
    expect(expand('{runtime_path!r} {ports!s} {ports} {nothing} {var[out]!r:}')).toBe(
      "'/usr/bin/python3' [8080, 8081] [8080, 8081] None 'text\\n'",
    );
    expect(expand('plain')).toBe('plain');
    expect(expandTemplate('{x!a}', new Map([['x', 'ä€😀']]))).toBe("'\\xe4\\u20ac\\U0001f600'");
  });

  it('refuses what Python refuses', () => {
    const refused: readonly [string, string][] = [
      ['{jupyter_cfg}', "KeyError('jupyter_cfg')"],
      ['{', `ValueError("Single '{' encountered in format string")`],
      ['a}', `ValueError("Single '}' encountered in format string")`],
      ['{ports[7]}', "IndexError('list index out of range')"],
      ['{ports[x]}', "TypeError('list indices must be integers or slices, not str')"],
      ['{var[no]}', "KeyError('no')"],
      ['{runtime_path.length}', "AttributeError('no attribute length')"],
      ['{var[__proto__]}', "KeyError('__proto__')"],
      ['{constructor}', "KeyError('constructor')"],
      ['{}', "KeyError('')"],
      ['{ports!x}', "ValueError('Unknown conversion specifier x')"],
    ];
    for (const [template, message] of refused) expect(() => expand(template), template).toThrow(message);
  });

  it('does not become more than a program could take', () => {
    const much = new Map([['out', 'x'.repeat(60_000)]]);
    expect(expandTemplate('{out}{out}', much)).toHaveLength(120_000);
    expect(() => expandTemplate('{out}'.repeat(1000), much)).toThrow('too long');
    expect(expandTemplates(['{out}', 'a'], much)[1]).toBe('a');
    expect(() =>
      expandTemplates(
        Array.from({ length: 20 }, () => '{out}'),
        much,
      ),
    ).toThrow('too long');
  });
});
