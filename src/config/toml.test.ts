import { expect, it } from 'vitest';
import { isTable, keyLines, parseToml, withTomlText } from './toml.ts';

it('reads tables and keeps big integers exact', () => {
  const table = parseToml('[a]\nb = 1\nc = 9223372036854775807\n', 'x.toml');
  expect(table).toEqual({ a: { b: 1, c: 9223372036854775807n } });
  expect(isTable(table['a'])).toBe(true);
  expect([isTable([]), isTable(null), isTable('x'), isTable(parseToml('d = 2020-01-01', 'x')['d'])]).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

it.each([
  ['[a]\nb = \n', /^agent\.toml:2:\d+: /],
  ['x', /^agent\.toml:1:\d+: /],
  ['[a]\nb = 1\nb = 2\n', /^agent\.toml:3:\d+: /],
])('names file, line and column of an error in %j', (text, form) => {
  expect(() => parseToml(text, 'agent.toml')).toThrow(form);
});

it('finds the line of every key', () => {
  const text = [
    '# comment',
    'top = 1',
    '[agent]',
    'id = "a"  # x = 2',
    '"quoted key" = 1',
    'sync-container-lifecycles = { enabled = true }',
    'long = """',
    'fake = 1',
    '"""',
    'list = [ # [',
    '  "]",',
    ']',
    "sub.key = 'v'",
    '',
    '[debug.coredump]',
    '  path = "x"',
    '[[agents]]',
    'id = 1',
  ].join('\r\n');
  const lines = keyLines(text);
  const at = (key: string) => lines.get(key);
  expect([at('top'), at('agent'), at('agent.id'), at('agent.quoted key')]).toEqual([2, 3, 4, 5]);
  expect([at('agent.sync-container-lifecycles'), at('agent.long'), at('agent.fake')]).toEqual([6, 7, undefined]);
  expect([at('agent.list'), at('agent.sub.key'), at('agent.sub')]).toEqual([10, 13, 13]);
  expect([at('debug.coredump.path'), at('debug'), at('agents.id')]).toEqual([16, 15, 18]);
});

const place = { table: 'agent', keys: ['scaling-group', 'initial-resource-group-name'] };
const edit = (source: string, value = 'gpu') => withTomlText(source, place, value, 'agent.toml');

it('changes the value and nothing else', () => {
  const source = `# a file\r\n[etcd]\r\nscaling-group = "not this"\r\n\r\n[ agent ] # ours\r\n  "scaling-group"  =  'default'   # why\r\nmode = "docker"\r\n`;
  expect(edit(source)).toBe(source.replace("'default'", '"gpu"'));
  expect(edit('[agent]\nscaling-group = "a \\" b"\n', 'c "d" \\')).toBe('[agent]\nscaling-group = "c \\"d\\" \\\\"\n');
});

it('changes an older name where the file has that, and adds the key where there is none', () => {
  expect(edit('[agent]\ninitial-resource-group-name="x"')).toBe('[agent]\ninitial-resource-group-name="gpu"');
  expect(edit('[agent]\nid = "i"\n\n[container]\n')).toBe('[agent]\nscaling-group = "gpu"\nid = "i"\n\n[container]\n');
});

it.each([
  ['a text that looks like the key', '[agent]\nnote = """\nscaling-group = "no"\n"""\nscaling-group = "default"\n'],
  ['an inline table', 'agent = { scaling-group = "default" }\n'],
  ['dotted keys', 'agent.scaling-group = "default"\n'],
  ['a text of several lines', '[agent]\nscaling-group = """\ndefault"""\n'],
])('does not edit %s', (_, source) => {
  expect(edit(source)).toBeNull();
});

it('refuses what is no TOML', () => {
  expect(() => edit('[agent\n')).toThrow('agent.toml:1');
});
