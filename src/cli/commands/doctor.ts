/** `kernelet doctor`: what is missing on this machine, and the command that fixes it. */
import { toKerneletError } from '../../lib/errors.ts';
import type { CliCommand, CommandCall } from '../command.ts';
import { configOptions, loadAsServe } from '../config-options.ts';
import type { DoctorContext, Finding } from '../doctor/check.ts';
import { exitStatus } from '../exit-status.ts';
import type { Style } from '../screen.ts';

const checkMs = 10_000;
const marks: Readonly<Record<Finding['state'], { readonly text: string; readonly style: Style }>> = {
  ok: { text: 'ok     ', style: 'green' },
  warning: { text: 'warning', style: 'yellow' },
  failed: { text: 'failed ', style: 'red' },
};

/** The command. */
export const doctor = {
  name: 'doctor',
  summary: 'find out what is missing on this machine',
  description: `Checks the engine, cgroups, the state folder, disk space, limits, the clock, ports and the firewall; each complaint comes
with the command that fixes it. The exit status is 125 when something does not work.`,
  operands: [],
  options: configOptions,
  examples: [
    { command: 'kernelet doctor', what: 'look at this machine' },
    { command: 'kernelet doctor --json | jq \'.checks[] | select(.state != "ok")\'', what: 'for programs' },
  ],
  async run(call) {
    const { screen } = call;
    const { doctorChecks } = await import('../doctor/index.ts');
    const context = await contextOf(call);
    const findings = await Promise.all(
      doctorChecks.map(async (check): Promise<Finding & { name: string }> => {
        try {
          return { name: check.name, ...(await check.run(context)) };
        } catch (error) {
          const { message, entry } = toKerneletError(error);
          return { name: check.name, state: 'failed', detail: message, fix: entry.cure };
        }
      }),
    );
    const healthy = findings.every(({ state }) => state !== 'failed');
    await screen.either({ healthy, checks: findings }, () =>
      findings
        .map(({ name, state, detail, fix }) => {
          const mark = screen.resultStyle(marks[state].style, marks[state].text);
          return `${mark}  ${name.padEnd(9)} ${detail}\n${fix === undefined ? '' : `${' '.repeat(19)}→ ${fix}\n`}`;
        })
        .join(''),
    );
    return healthy ? exitStatus.ok : exitStatus.failure;
  },
} satisfies CliCommand;

async function contextOf(call: CommandCall): Promise<DoctorContext> {
  const { settings } = await loadAsServe(call);
  const signal = AbortSignal.timeout(checkMs);
  const { DockerEngine } = await import('../../engine/docker/docker-engine.ts');
  const { userId } = call.host.io;
  try {
    await using engine = new DockerEngine({ dockerHost: settings.dockerHost ?? undefined });
    const info = await engine.info(signal);
    return { settings, engine: { address: engine.address, info }, userId, signal };
  } catch (error) {
    return { settings, engine: toKerneletError(error), userId, signal };
  }
}
