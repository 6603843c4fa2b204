import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type KillLogCalls, OomLog, parseKill } from './oom-log.ts';

const id = 'a'.repeat(64);
const other = 'b'.repeat(64);
const record = (cgroup: string, task: string): string =>
  `6,7111,1296666982,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${id},mems_allowed=0,oom_memcg=${cgroup},task_memcg=${cgroup},task=${task},pid=22985,uid=1000\n`;

describe('parseKill', () => {
  it('reads the container and the name, of either driver, also when the name is made to mislead', () => {
    expect(parseKill(record(`/docker/${id}`, 'python3'))).toEqual({ containerId: id, name: 'python3' });
    expect(parseKill(record(`/system.slice/docker-${id}.scope`, 'a b'))).toEqual({ containerId: id, name: 'a b' });
    expect(parseKill(record(`/docker/${id}/below`, 'x'))).toEqual({ containerId: id, name: 'x' });
    const evil = `,task_memcg=/docker/${other}`.slice(0, 15);
    expect(parseKill(record(`/docker/${id}`, evil))).toEqual({ containerId: id, name: evil });
    expect(parseKill(record('/user.slice', 'bash'))).toBeNull();
    expect(parseKill('6,1,2,-;Out of memory: Killed process 1 (x)\n')).toBeNull();
  });
});

function logOf(records: (string | Error)[], log: string[] = []): OomLog {
  const calls: KillLogCalls = {
    open: () => {
      log.push('open');
      return 7;
    },
    read: (_, buffer) => {
      const next = records.shift() ?? Object.assign(new Error('none'), { code: 'EAGAIN' });
      if (next instanceof Error) throw next;
      return Buffer.from(next).copy(buffer);
    },
    close: () => void log.push('close'),
  };
  return new OomLog(new FakeClock(), calls);
}
const signal = new AbortController().signal;
const error = (code: string): Error => Object.assign(new Error(code), { code });

describe('the log of kills', () => {
  it('gives each name once, to its container, also after records were overwritten', async () => {
    const records = [
      record(`/docker/${id}`, 'a'),
      error('EPIPE'),
      'noise',
      record(`/docker/${other}`, 'b'),
      record(`/docker/${id}`, 'c'),
    ];
    const calls: string[] = [];
    const log = logOf(records, calls);
    expect(await log.take(id, signal)).toEqual(['a', 'c']);
    expect(await log.take(id, signal)).toEqual([]);
    records.push(record(`/docker/${id}`, 'd'));
    expect(await Promise.all([log.take(id, signal), log.take(other, signal)])).toEqual([['d'], ['b']]);
    log[Symbol.dispose]();
    expect(calls).toEqual(['open', 'close']);
  });

  it('has no names where it may not be read', async () => {
    const log = logOf([error('EPERM'), record(`/docker/${id}`, 'a')]);
    expect(await log.take(id, signal)).toEqual([]);
    expect(await log.take(id, signal)).toEqual([]);
  });
});
