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

  it('is refused when it is something else', () => {
    const wrong = [
      () => declaredService({ name: 'web', protocol: 'http', ports: [] }),
      () => declaredService({ name: 'web', protocol: 'http', ports: [70_000] }),
      () => serviceOptions({ arguments: { a: 1 }, envs: {} }),
      () => serviceOptions({ arguments: {}, envs: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [i, ''])) }),
      () => serviceOptions({ arguments: { 'a\0': null }, envs: {} }),
      () => serviceOptions({ arguments: { a: ['b', 1] }, envs: {} }),
      () => serviceOptions({ arguments: { a: 'b\0c' }, envs: {} }),
      () => serviceOptions({ arguments: [], envs: {} }),
      () => serviceOptions({ arguments: {}, envs: { A: null } }),
      () => serviceOutcome({ status: 'done' }),
      () => serviceOutcome({ status: 'failed' }),
      () => serviceApps({}),
      () => serviceApps(Array.from({ length: 200 }, () => ({}))),
      () => serviceApps([{ name: 'x', urlTemplate: '', allowedArguments: [1], allowedEnvs: [] }]),
    ];
    for (const read of wrong) expect(read).toThrow(FrameError);
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
