import { expect, it } from 'vitest';
import { withTomlText } from './toml-edit.ts';

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
