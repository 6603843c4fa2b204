import { describe, expect, it } from 'vitest';
import { FrameError } from './frame.ts';
import { declaredService, serviceApps, serviceOptions, serviceOutcome, shellCommand } from './kernel-services.ts';

describe('what goes over the socket of services', () => {
  it('is read field by field', () => {
    expect(declaredService({ name: 'web', protocol: 'http', ports: [8080], more: 1 })).toEqual({
      name: 'web',
      protocol: 'http',
      ports: [8080],
    });
    const options = { arguments: { '--a': null, '--b': 'x', '--c': ['y', 'z'] }, envs: { A: 'b' } };
    expect(serviceOptions(options)).toEqual(options);
    expect(serviceOutcome({ status: 'started', error: 'no' })).toEqual({ status: 'started' });
    expect(serviceOutcome({ status: 'failed', error: 'x'.repeat(9000) })).toEqual({
      status: 'failed',
      error: 'x'.repeat(4096),
    });
    const app = { name: 'web', urlTemplate: '', allowedArguments: ['--a'], allowedEnvs: [] };
    expect(serviceApps([app])).toEqual([app]);
  });

  const app = { name: 'x', urlTemplate: '', allowedArguments: [], allowedEnvs: [] };
  const web = { name: 'web', protocol: 'http', ports: [80] };
  const none = { arguments: {}, envs: {} };
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`v${index}`, '']));
  it.each<readonly [string, () => unknown]>([
    ['service is not an object', () => declaredService([])],
    ['name is longer than 256 characters', () => declaredService({ ...web, name: 'x'.repeat(257) })],
    ['name is not a text', () => declaredService({ ...web, name: null })],
    ['protocol is longer than 4096 characters', () => declaredService({ ...web, protocol: 'x'.repeat(4097) })],
    ['ports is not a list', () => declaredService({ ...web, ports: 80 })],
    ['ports has more than 256 items', () => declaredService({ ...web, ports: Array(257).fill(1) })],
    ['ports is empty', () => declaredService({ ...web, ports: [] })],
    ['port is not from 1 to 65535', () => declaredService({ ...web, ports: [0] })],
    ['port is not from 1 to 65535', () => declaredService({ ...web, ports: [80, 65_536] })],
    ['options is not an object', () => serviceOptions(null)],
    ['arguments is not an object', () => serviceOptions({ ...none, arguments: [] })],
    ['envs is not an object', () => serviceOptions({ ...none, envs: null })],
    ['envs has more than 256 items', () => serviceOptions({ ...none, envs: many(257) })],
    ['word is not a text', () => serviceOptions({ ...none, arguments: { a: 1 } })],
    ['a word contains a NUL', () => serviceOptions({ ...none, arguments: { 'a\0': null } })],
    ['word is not a text', () => serviceOptions({ ...none, arguments: { a: ['b', 1] } })],
    ['words has more than 256 items', () => serviceOptions({ ...none, arguments: { a: Array(257).fill('') } })],
    ['a word contains a NUL', () => serviceOptions({ ...none, arguments: { a: 'b\0c' } })],
    ['word is longer than 4096 characters', () => serviceOptions({ ...none, envs: { A: 'x'.repeat(4097) } })],
    ['word is not a text', () => serviceOptions({ ...none, envs: { A: null } })],
    ['outcome is not an object', () => serviceOutcome('started')],
    ['status is none of started, running, failed', () => serviceOutcome({ status: 'done' })],
    ['error is not a text', () => serviceOutcome({ status: 'failed' })],
    ['apps is not a list', () => serviceApps({})],
    ['apps has more than 128 items', () => serviceApps(Array(129).fill(app))],
    ['app is not an object', () => serviceApps([null])],
    ['urlTemplate is longer than 4096 characters', () => serviceApps([{ ...app, urlTemplate: 'x'.repeat(4097) }])],
    ['urlTemplate is not a text', () => serviceApps([{ ...app, urlTemplate: null }])],
    ['word is not a text', () => serviceApps([{ ...app, allowedArguments: [1] }])],
    ['allowedArguments is not a list', () => serviceApps([{ ...app, allowedArguments: '' }])],
    ['allowedEnvs has more than 256 items', () => serviceApps([{ ...app, allowedEnvs: Array(257).fill('') }])],
  ])('is refused when %s', (problem, read) => {
    expect(read).toThrow(new FrameError(problem));
  });

  it('is taken up to its bounds', () => {
    const [word, words] = ['x'.repeat(4096), Array(256).fill('x')];
    const service = { name: 'x'.repeat(256), protocol: word, ports: Array(256).fill(65_535) };
    expect(declaredService(service)).toEqual(service);
    const options = { arguments: { a: words, [word]: word }, envs: many(256) };
    expect(serviceOptions(options)).toEqual(options);
    const apps = Array(128).fill({ name: 'x', urlTemplate: word, allowedArguments: words, allowedEnvs: words });
    expect(serviceApps(apps)).toEqual(apps);
    expect(serviceOutcome({ status: 'running' })).toEqual({ status: 'running' });
    expect(serviceOutcome({ status: 'failed', error: word })).toEqual({ status: 'failed', error: word });
  });
});

it('leaves all braces to the shell but those of variables', () => {
  const text = 'X=${Y:-{1}} a ${ports} --port {ports[0]} {runtime_path} ${{ ports[0] }} {config} {other} {a,b}';
  expect(shellCommand(text, 'sh', ['config'])).toEqual([
    'sh',
    '-c',
    'X=${{Y:-{{1}}}} a ${{ports}} --port {ports[0]} {runtime_path} {ports[0]} {config} {{other}} {{a,b}}',
  ]);
});

it.each([
  ['{ports[0][name]}', '{ports[0][name]}'],
  ['${{ports}}', '{ports}'],
  ['${{   config[a][b]   }}', '{config[a][b]}'],
  ['${{ ports }', '${{{{ ports }}'],
  ['{ports[]}', '{{ports[]}}'],
  ['{config}', '{{config}}'],
  ['{}', '{{}}'],
  ['$PORT', '$PORT'],
])('of the text %s a shell gets the template %s', (text, template) => {
  expect(shellCommand(text, '/bin/sh')).toEqual(['/bin/sh', '-c', template]);
});
