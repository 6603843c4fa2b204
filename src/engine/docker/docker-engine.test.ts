import { describe, expect, it } from 'vitest';
import { parseDockerHost } from './docker-engine.ts';

describe('parseDockerHost', () => {
  it('takes an absolute path behind unix://, and the usual one when nothing is given', () => {
    expect(parseDockerHost('unix:///tmp/dk/docker.sock')).toBe('/tmp/dk/docker.sock');
    expect(parseDockerHost(undefined)).toBe('/var/run/docker.sock');
    expect(parseDockerHost('')).toBe('/var/run/docker.sock');
  });

  it.each([
    'tcp://10.0.0.1:2375',
    'ssh://me@host',
    'npipe:////./pipe/docker_engine',
    'fd://',
    'unix://relative.sock',
    'unix://',
    '/var/run/docker.sock',
  ])('refuses %s in one sentence', (host) => {
    expect(() => parseDockerHost(host)).toThrow(/needs a local engine on a UNIX socket/);
  });
});
