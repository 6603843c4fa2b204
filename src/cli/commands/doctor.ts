/** `kernelet doctor`: what is missing on this machine, and the command that fixes it. */
import type { Settings } from '../../config/settings.ts';
import type { Clock } from '../../lib/clock.ts';
import { toKerneletError } from '../../lib/errors.ts';
import { redactText } from '../../lib/redaction.ts';
import { printableLines, type Style } from '../../lib/terminal-text.ts';
import { ApiClient } from '../api-client.ts';
import type { CliCommand, CommandCall } from '../command.ts';
import { configOptions, loadAsServe } from '../config-options.ts';
import type { CheckResult, DoctorCheck, DoctorContext } from '../doctor/check.ts';
import { exitStatus } from '../exit-status.ts';
import { UnixTransport } from '../transport.ts';

const checkMs = 10_000;
/** A daemon that hangs takes no more of it. */
const daemonMs = 2_000;
const marks: Readonly<Record<CheckResult['state'], { readonly text: string; readonly style: Style }>> = {
  ok: { text: 'ok     ', style: 'green' },
  warning: { text: 'warning', style: 'yellow' },
  failed: { text: 'failed ', style: 'red' },
};

type NamedResult = Omit<CheckResult, 'repair'> & { readonly name: string };

export const doctor = {
  name: 'doctor',
  summary: 'find out what is missing on this machine',
  description: `Checks the engine, cgroups, the state folder, disk space, OCI runtimes, limits of the process and of the machine, the clock, ports and the firewall; each complaint comes
with the command that fixes it. With --fix what can be repaired without harm is repaired: ports of the pool are reserved,
until the next boot. The exit status is 125 when something does not work.`,
  operands: [],
  options: [...configOptions, { flags: '--fix', help: 'repair what can be repaired' }],
  examples: [
    { command: 'kernelet doctor', what: 'look at this machine' },
    { command: 'kernelet doctor --fix', what: 'repair what can be repaired' },
    { command: 'kernelet doctor --json | jq \'.checks[] | select(.state != "ok")\'', what: 'for programs' },
  ],
  async run(call) {
    const { screen } = call;
    const { doctorChecks } = await import('../doctor/index.ts');
    const context = await contextOf(call);
    const repairs = call.options.flag('fix');
    const found = await Promise.all(doctorChecks.map((check) => resultOf(check, context, repairs)));
    // Others' words are among them, such as those of plugins that were given a token.
    const results = found.map((result) => ({ ...result, detail: redactText(result.detail) }));
    const healthy = results.every(({ state }) => state !== 'failed');
    await screen.either({ healthy, checks: results }, () =>
      results
        .map(({ name, state, detail, fix = '' }) => {
          const mark = screen.resultStyle(marks[state].style, marks[state].text);
          const cure = fix === '' ? '' : `${' '.repeat(19)}→ ${printableLines(fix)}\n`;
          return `${mark}  ${name.padEnd(9)} ${printableLines(detail)}\n${cure}`;
        })
        .join(''),
    );
    return healthy ? exitStatus.ok : exitStatus.failure;
  },
} satisfies CliCommand;

/** What a check finds, after repairing what can be repaired when that is asked for. */
async function resultOf(check: DoctorCheck, context: DoctorContext, repairs: boolean): Promise<NamedResult> {
  try {
    const { repair, ...found } = await check.run(context);
    if (!repairs || !repair) return { name: check.name, ...found };
    await repair();
    const { repair: _, ...repaired } = await check.run(context);
    return { name: check.name, ...repaired, detail: `${repaired.detail} (repaired)` };
  } catch (error) {
    const { message, cure } = toKerneletError(error);
    return { name: check.name, state: 'failed', detail: message, fix: cure };
  }
}

async function contextOf(call: CommandCall): Promise<DoctorContext> {
  const { settings } = await loadAsServe(call);
  const signal = AbortSignal.timeout(checkMs);
  const { userId, clock } = call.host.io;
  const [engine, daemon] = await Promise.all([engineOf(call, settings, signal), daemonOf(settings, clock, signal)]);
  return { settings, engine, daemon, userId, signal };
}

async function engineOf(call: CommandCall, settings: Settings, signal: AbortSignal): Promise<DoctorContext['engine']> {
  try {
    await using engine = await call.host.openEngine(settings);
    const info = await engine.info(signal);
    const { otherEngine } = await import('../doctor/engine-check.ts');
    return { address: engine.address, info, other: await otherEngine(settings.stateDir, engine, info, signal) };
  } catch (error) {
    return toKerneletError(error);
  }
}

/** It knows how many kernels there are, and has tried the OCI runtimes at its start; doctor itself starts no container. */
async function daemonOf({ socketPath }: Settings, clock: Clock, signal: AbortSignal): Promise<DoctorContext['daemon']> {
  await using client = new ApiClient(new UnixTransport(socketPath, { clock }));
  return await client.status(AbortSignal.any([signal, AbortSignal.timeout(daemonMs)])).catch(() => null);
}
