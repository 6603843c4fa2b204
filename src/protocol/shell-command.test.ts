import { expect, it } from 'vitest';
import { shellCommand } from './shell-command.ts';

it('leaves all braces to the shell but those of variables', () => {
  const text = 'X=${Y:-{1}} a ${ports} --port {ports[0]} {runtime_path} ${{ ports[0] }} {config} {other} {a,b}';
  expect(shellCommand(text, 'sh', ['config'])).toEqual([
    'sh',
    '-c',
    'X=${{Y:-{{1}}}} a ${{ports}} --port {ports[0]} {runtime_path} {ports[0]} {config} {{other}} {{a,b}}',
  ]);
});
