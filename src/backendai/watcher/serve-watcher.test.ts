import { expect, it } from 'vitest';
import { argumentsOf } from './serve-watcher.ts';

it('an agent of the watcher goes by its file and its flags', () => {
  expect(argumentsOf({ configFile: 'a.toml', logLevel: 'warn', stateDir: '/s' }, '/etc/a.toml')).toEqual([
    ...['--config', '/etc/a.toml', '--log-level', 'warn', '--state-dir', '/s'],
  ]);
  expect(argumentsOf({ debug: true, socket: '/k' }, null)).toEqual(['--debug', '--socket', '/k']);
});
