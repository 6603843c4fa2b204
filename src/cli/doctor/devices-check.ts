/** Which devices would be on offer, and which plugins are off although the configuration names them? */
import { homedir } from 'node:os';
import { discoverDevices } from '../../devices/discover-devices.ts';
import { readHostCapacity } from '../../devices/host-capacity.ts';
import { plainText } from '../../lib/decimal.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { displayBinarySize } from '../../resources/binary-size.ts';
import { type CheckResult, type DoctorCheck, type DoctorContext, ok, warning } from './check.ts';

/** The result. Throws INVALID_CONFIG when nothing of cpu or mem is on offer. */
export async function devicesResult({ settings, engine }: DoctorContext, workingDir: string): Promise<CheckResult> {
  const off: string[] = [];
  const log: Logger = { ...silentLogger, error: (text) => void off.push(text) };
  const facts =
    engine instanceof KerneletError
      ? null
      : {
          version: engine.info.version,
          runtimes: engine.info.runtimes,
          cgroups: { version: engine.info.cgroupVersion, parent: engine.info.cgroupParent },
        };
  await using devices = await discoverDevices({
    settings,
    host: readHostCapacity,
    engine: async () => facts,
    agentVersion: '',
    workingDir,
    homeDir: homedir(),
    log,
  });
  if (off.length > 0)
    return warning(off.join('; '), 'correct what it says, or leave the plugin out of the configuration');
  // Alone, CPUs and memory are offered many times over, which says nothing of the machine.
  const offered = [...devices.available()].filter(([slot]) => settings.mode === 'cluster' || slot.includes('.'));
  const slots = offered.map(([slot, amount]) =>
    devices.known.get(slot) === 'bytes' ? `${slot} ${displayBinarySize(amount)}` : `${slot} ${plainText(amount)}`,
  );
  return ok(slots.length > 0 ? `on offer: ${slots.join(', ')}` : 'no accelerators');
}

export const devicesCheck = {
  name: 'devices',
  run: (context) => devicesResult(context, process.cwd()),
} satisfies DoctorCheck;
