import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContainerDetail, readContainerSummary, readHasTerminal, readIsLink } from './container-shapes.ts';

describe('readContainerDetail', () => {
  it('reads an inspection', () => {
    const detail = readContainerDetail({
      Id: 'abc',
      Name: '/kernel.python.1',
      State: {
        Status: 'exited',
        Pid: 0,
        ExitCode: 137,
        OOMKilled: true,
        Error: '',
        StartedAt: '2026-11-24T20:00:00.5Z',
        FinishedAt: '0001-01-01T00:00:00Z',
      },
      Config: { Image: 'sha256:1', Labels: { a: 'b' }, Tty: false },
      HostConfig: { CgroupParent: '' },
      NetworkSettings: {
        Ports: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '30000' }], '81/tcp': null },
        Networks: { a: { IPAddress: '' }, b: { IPAddress: '172.17.0.2' } },
      },
    });
    expect(detail).toMatchObject({
      id: 'abc',
      name: 'kernel.python.1',
      image: 'sha256:1',
      labels: { a: 'b' },
      state: 'exited',
      exitCode: 137,
      outOfMemory: true,
      startedAt: '2026-11-24T20:00:00.5Z',
      finishedAt: '',
      ports: [{ containerPort: 80, hostAddress: '127.0.0.1', hostPort: 30000 }],
      networkAddress: '172.17.0.2',
    });
  });

  it('reads anything at all without failing, and nobody acts on an unknown state', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        readContainerSummary(value);
        readHasTerminal(value);
        expect(readContainerDetail(value).id).toBeTypeOf('string');
      }),
    );
    expect(readContainerSummary({ Id: 'a', State: 'levitating' }).state).toBe('restarting');
  });

  it('takes labels that are named like parts of an object', () => {
    const labels = JSON.parse('{"__proto__":"a","constructor":"b","n":1}');
    const read = readContainerSummary({ Labels: labels }).labels;
    expect(Object.entries(read)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });
});

describe('readIsLink', () => {
  const header = (facts: unknown): string => Buffer.from(JSON.stringify(facts)).toString('base64');

  it('knows a link from anything else, and says when it cannot be known', () => {
    expect(readIsLink(header({ name: 'b', mode: 134_218_239, linkTarget: '/opt' }))).toBe(true);
    expect(readIsLink(header({ name: 'a', mode: 2_147_484_141, linkTarget: '' }))).toBe(false);
    for (const odd of [undefined, '', 'e30=', 'null', '%%%', header(null), header([])]) {
      expect(readIsLink(odd)).toBeUndefined();
    }
  });
});
