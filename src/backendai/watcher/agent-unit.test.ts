import { expect, it } from 'vitest';
import { AgentUnit, statusOf } from './agent-unit.ts';
import { type RunAsRoot, runAsRoot } from './run-as-root.ts';
import { NoServiceManager, Systemctl } from './systemctl.ts';

/** A unit whose `systemctl` ends so. */
function unitWith(result: { exitCode?: number; stdout?: string; stderr?: string }, ran: string[] = []): AgentUnit {
  const run: RunAsRoot = async (program, args) => {
    ran.push([program, ...args].join(' '));
    return { exitCode: 0, stdout: '', stderr: '', ...result };
  };
  return new AgentUnit('kernelet.service', new Systemctl(run));
}

it('is started, stopped, restarted and reloaded by its name, which is no option', async () => {
  const ran: string[] = [];
  const unit = unitWith({}, ran);
  for (const act of [unit.start, unit.stop, unit.restart, unit.reload]) await act.call(unit, 1000);
  expect(ran).toEqual(['start', 'stop', 'restart', 'reload'].map((verb) => `systemctl ${verb} -- kernelet.service`));
});

it('says what systemd says of a failure, and of one that takes too long that it goes on', async () => {
  await expect(unitWith({ exitCode: 5, stderr: 'Unit not found.' }).start(1000)).rejects.toMatchObject({
    code: 'SERVICE_FAILED',
    message: 'systemctl start kernelet.service: Unit not found.',
  });
  await expect(unitWith({ exitCode: -1, stderr: 'it took longer than 0 ms' }).stop(0)).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: expect.stringContaining('systemd goes on with it'),
  });
  await expect(unitWith({ exitCode: 1, stderr: 'no bus' }).status(1000)).rejects.toMatchObject({
    code: 'SERVICE_FAILED',
  });
});

it('tells a machine without systemd from a unit that fails', async () => {
  const unit = new AgentUnit('a.service', new Systemctl((_, args, ms) => runAsRoot('no-such-systemctl', args, ms)));
  await expect(unit.status(1000)).rejects.toThrow(NoServiceManager);
  await expect(unit.start(1000)).rejects.toThrow(NoServiceManager);
});

const shown = (more: Readonly<Record<string, string>>) => new Map(Object.entries(more));

it('is as its properties say', async () => {
  const active = shown({
    ...{ ActiveState: 'active', SubState: 'running', MainPID: '42', NRestarts: '3', ExecMainCode: '0' },
    ...{ ExecMainStatus: '0', ExecMainExitTimestampMonotonic: '0', ActiveEnterTimestampMonotonic: '5000000' },
  });
  expect(statusOf(active, 1_000_000)).toEqual({
    ...{ state: 'active', subState: 'running', pid: 42, restarts: 3, lastExit: null, activeSince: 1_005_000 },
  });
  const ended = { ActiveState: 'failed', SubState: 'failed', MainPID: '0', ExecMainExitTimestampMonotonic: '7' };
  expect(statusOf(shown({ ...ended, ExecMainCode: '1', ExecMainStatus: '70' }), 0)).toEqual({
    ...{ state: 'failed', subState: 'failed', pid: null, restarts: 0, lastExit: 70, activeSince: null },
  });
  expect(statusOf(shown({ ...ended, ExecMainCode: '2', ExecMainStatus: '9' }), 0).lastExit).toBe('SIGKILL');
  expect(statusOf(new Map(), 0).state).toBe('unknown');
  expect((await unitWith({ stdout: 'ActiveState=inactive\nSubState=dead\n' }).status(1000)).state).toBe('inactive');
});
