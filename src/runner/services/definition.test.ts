import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseDefinition, readDefinitions } from './definition.ts';
import { checkOptions, serviceCommand } from './services.ts';

const whole = {
  prestart: [
    { action: 'write_tempfile', args: { body: ['c.port = {ports[0]}\n'] }, ref: 'config' },
    { action: 'mkdir', args: { path: '/home/work/logs' } },
    { action: 'run_command', args: { command: ['cp', 'a', 'b'], echo: true }, ref: 'copied' },
    { action: 'log', args: { body: 'hello' } },
    { action: 'write_file', args: { filename: '/tmp/x', body: ['a'], mode: '600', append: true } },
  ],
  command: ['{runtime_path}', '-m', 'notebook', '--config', '{config}'],
  url_template: '{protocol}://{host}:{port}/',
  env: { 'PORT_{ports[0]}': '{ports[0]}' },
  allowed_envs: ['PASSWORD'],
  allowed_arguments: ['--auth', '--root'],
  default_arguments: { '--auth': 'none', '--flag': null, '--many': ['a', 'b'] },
};
const parse = (change: object): ReturnType<typeof parseDefinition> =>
  parseDefinition(JSON.stringify({ ...whole, ...change }));

describe('a service definition', () => {
  it('is read whole', () => {
    const { prestart, allowedArguments, urlTemplate } = parse({});
    expect(prestart.map((action) => [action.do, action.ref])).toEqual([
      ['write_tempfile', 'config'],
      ['mkdir', null],
      ['run_command', 'copied'],
      ['log', null],
      ['write_file', null],
    ]);
    expect({ allowedArguments, urlTemplate }).toMatchObject({ allowedArguments: ['--auth', '--root'] });
    expect(parseDefinition('{"noop": true}')).toMatchObject({ noop: true, command: [] });
  });

  it('may have a command for a shell, whose braces are the shell’s but for those of variables', () => {
    const text = 'a --config {config} ${HOME} {x,y}';
    const template = 'a --config {config} ${{HOME}} {{x,y}}';
    expect(parse({ command: text }).command).toEqual(['bash', '-c', template]);
    expect(parse({ command: text, shell: '/bin/sh' }).command).toEqual(['/bin/sh', '-c', template]);
  });

  it('is refused when it is not exactly one, without its content', () => {
    expect(() => parseDefinition('secret{')).toThrow(/^it is not JSON$/);
    const wrong: readonly [object, RegExp][] = [
      [{ restart: true }, /"restart" is not a known field/],
      [{ command: 7 }, /command is not a list/],
      [{ command: '' }, /command is empty/],
      [{ command: 'a', shell: 1 }, /shell is not a text/],
      [{ command: [] }, /command is empty/],
      [{ command: [1] }, /command is not a text/],
      [{ command: ['a\0b'] }, /too long or contains a NUL/],
      [{ env: [] }, /env is not a map/],
      [{ prestart: [{ action: 'chmod', args: {} }] }, /action is none of/],
      [{ prestart: [{ action: 'write_file', args: { filename: 'x', body: ['y'], mode: '9' } }] }, /octal/],
      [{ allowed_envs: Array.from({ length: 300 }, () => 'x') }, /more than 256/],
      [{ allowed_arguments: ['x'.repeat(4097)] }, /allowed_arguments is longer than 4096/],
      [{ url_template: 'x'.repeat(4097) }, /url_template is longer than 4096/],
      [{ noop: 'yes' }, /neither true nor false/],
    ];
    for (const [change, message] of wrong) expect(() => parse(change), JSON.stringify(change)).toThrow(message);
    expect(() => parseDefinition('null')).toThrow('not a map');
  });

  it('gives the command with defaults, and what the caller may choose', () => {
    const variables = new Map([
      ['runtime_path', '/usr/bin/python3'],
      ['config', '/tmp/c.py'],
    ]).set('ports', [8080] as never);
    expect(serviceCommand(parse({}), variables, { arguments: { '--auth': '{x}' }, envs: { PASSWORD: 'p' } })).toEqual({
      argv: [
        ...['/usr/bin/python3', '-m', 'notebook', '--config', '/tmp/c.py'],
        ...['--auth', '{x}', '--flag', '--many', 'a', 'b'],
      ],
      environ: { PORT_8080: '8080', PASSWORD: 'p' },
    });
  });

  it('allows what it names and nothing else', () => {
    const check = (flags: object, envs: object, environ = {}) =>
      checkOptions('webapp', parse({}), { arguments: flags, envs } as never, environ);
    check({ '--root': null }, { PASSWORD: 'x' });
    expect(() => check({ '--evil': '1' }, {})).toThrow(
      /^DisallowedArgument\('Argument --evil not allowed for service webapp'\)$/,
    );
    expect(() => check({}, { LD_PRELOAD: '1' })).toThrow(
      /^DisallowedEnvironment\('Environment variable LD_PRELOAD not allowed for service webapp'\)$/,
    );
    expect(() => check({}, { PASSWORD: '1' }, { PASSWORD: 'set' })).toThrow("can't be overwritten");
    expect(() => check({ __proto__: null, constructor: null }, {})).toThrow('constructor');
  });
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-definitions-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('service definitions that can be used are read, and the others are reported without their content', () => {
  const good = JSON.stringify({ command: ['true'] });
  writeFileSync(join(folder, 'good.json'), good);
  writeFileSync(join(folder, 'other.txt'), good);
  writeFileSync(join(folder, 'bad.json'), 'root:x:0:0');
  writeFileSync(join(folder, 'huge.json'), JSON.stringify({ command: ['x'.repeat(300 * 1024)] }));
  symlinkSync('good.json', join(folder, 'linked.json'));
  symlinkSync('/dev/zero', join(folder, 'endless.json'));
  symlinkSync('/nowhere', join(folder, 'lost.json'));
  execFileSync('mkfifo', [join(folder, 'waits.json')]);
  const problems: string[] = [];
  const found = readDefinitions(folder, (text) => problems.push(text));
  expect([...found.keys()]).toEqual(['good', 'linked']);
  expect(problems.map((text) => /"(\w+)\.json"/.exec(text)?.[1])).toEqual(['bad', 'endless', 'huge', 'lost', 'waits']);
  expect(problems.join()).not.toContain('root:x');
});

it('there are no service definitions where there is no folder', () => {
  expect(readDefinitions('/nowhere', () => expect.unreachable()).size).toBe(0);
});
