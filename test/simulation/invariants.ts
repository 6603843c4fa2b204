/** What must hold in a simulated world at every moment, and what must hold when everything is well again. */
import type { AgentStatus } from '../../src/agent/agent.ts';
import { labelNames } from '../../src/kernel/container/ownership.ts';
import { prewarmedNetworkLabels } from '../../src/network/prewarmed-network.ts';
import type { KernelHistory } from './history.ts';
import type { Simulation } from './simulation.ts';

/** Notes what does not hold now. */
export function checkAlways(simulation: Simulation): void {
  if (simulation.isMember) checkHeartbeats(simulation);
  if (!simulation.isForeignUntouched) simulation.fail('something of somebody else was removed');
  checkLeases(simulation);
  for (const kernel of simulation.kernels) if (kernel.hasHome) checkHome(simulation, kernel);
}

/** Whatever the engine, the disk and etcd do, a manager hears of a node that runs. */
function checkHeartbeats(simulation: Simulation): void {
  const silentMs = simulation.cluster.silenceSince(simulation.couldTell);
  if (silentMs === null) return;
  simulation.fail(`the manager has heard nothing of the node for ${Math.round(silentMs / 1000)} s`);
}

/** What the manager has not heard of ends of kernels, or otherwise; null: all is told, once and truthfully. */
export function unheard({ cluster, kernels, wasDiskFull }: Simulation): string | null {
  for (const kernel of kernels) {
    if (kernel.isUnrecorded || wasDiskFull) continue;
    const difference = cluster.manager.differenceOf(kernel, { mayRepeat: cluster.hasLostEvents });
    if (difference !== null) return difference;
  }
  return null;
}

/** Notes what a manager does not know of a member that has come so far, though everything is well. */
export function checkTold(simulation: Simulation, status: string): void {
  if (!simulation.isMember) return;
  const difference = unheard(simulation);
  if (difference !== null) simulation.fail(difference);
  const { registration } = simulation.cluster;
  if (registration !== status) simulation.fail(`etcd says that the node is ${registration}, and it is ${status}`);
}

function checkLeases(simulation: Simulation): void {
  const taken = new Map<string, string>();
  for (const { running, spec } of simulation.engines.containers) {
    const kernel = spec.labels[labelNames.kernelId];
    if (!running || kernel === undefined) continue;
    const devices = JSON.parse(spec.labels[labelNames.devices] ?? '[]') as readonly (readonly string[])[];
    const units = devices.filter(([slot = '']) => slot === 'npu.device').map(([, device]) => `device ${device}`);
    for (const unit of [...units, ...spec.ports.map(({ hostPort }) => `port ${hostPort}`)]) {
      const other = taken.get(unit);
      if (other !== undefined && other !== kernel) simulation.fail(`${unit} is of ${other} and of ${kernel}`);
      taken.set(unit, kernel);
    }
  }
}

/** A home goes by a wish alone, or from among those that are kept when there is no room. */
function checkHome(simulation: Simulation, kernel: KernelHistory): void {
  const { files } = simulation.machine.disk;
  const root = simulation.settings.container.scratchRoot;
  const kept = files.namesIn(`${root}/.kept`).filter((name) => name.startsWith(kernel.id));
  const places = [`${root}/${kernel.id}`, ...kept.map((name) => `${root}/.kept/${name}`)];
  if (places.some((place) => files.textOf(`${place}/work/precious`) === kernel.id)) return;
  kernel.hasHome = false;
  const wasJustFull = simulation.wasFullWithin(30_000);
  if (kernel.isGivenUp || (simulation.wasDiskFull && !kernel.isLive) || (wasJustFull && kernel.isOver)) return;
  simulation.fail(`the home of ${kernel.name} is lost`);
}

const isOfKernel = (labels: Readonly<Record<string, string>>): boolean =>
  labelNames.kernelId in labels && labels[labelNames.kernelId] !== 'not-ours';

/** Whether nothing is under way or in the way any more, so that nothing will change by itself. */
export function isQuiet(simulation: Simulation): boolean {
  const { engines, kernels, machine, settings, records } = simulation;
  if (simulation.isMember && (unheard(simulation) !== null || simulation.cluster.registration !== 'running'))
    return false;
  if (records === null || engines.isCallOnItsWay || simulation.hasOrphanFolder) return false;
  const own = new Set(records.map(({ containerId }) => containerId));
  const leased = records.filter(({ placement }) => placement.prewarmedNetwork !== null).length;
  const listed = engines.answering.containers;
  const networks = listed.filter(({ spec }) => prewarmedNetworkLabels.owner in spec.labels).length;
  return (
    machine.disk.files.namesIn(`${settings.container.scratchRoot}/.trash`).length === 0 &&
    networks <= leased + 1 &&
    records.every(({ phase, missingSince }) => phase === 'running' && missingSince === null) &&
    // An end that could not be recorded for want of room is told later than the kernel is gone.
    kernels.every((kernel) => !kernel.isLive || simulation.phaseOf(kernel) !== null) &&
    listed.every(({ id, spec }) => !isOfKernel(spec.labels) || own.has(id)) &&
    [...own].every((id) => listed.some((one) => one.id === id && one.running))
  );
}

/** Notes what a node says is in use that has no kernel any more. */
export function checkNothingUsed(simulation: Simulation, { kernels, slots, invariantViolations }: AgentStatus): void {
  if (kernels > 0) simulation.fail(`${kernels} kernels are counted, and there is none`);
  for (const [slot, { used }] of Object.entries(slots))
    if (used > 0) simulation.fail(`${used} of ${slot} are in use, and there is no kernel`);
  if (!simulation.isOnlyFault) return;
  for (const [what, count] of Object.entries(invariantViolations))
    if (count > 0) simulation.fail(`${count} times was counted what should never be: ${what}`);
}

/** Notes what is left when every kernel has ended and the daemon has stopped. */
export function checkNothingLeft(simulation: Simulation): void {
  const { engines, settings, machine, kernels } = simulation;
  for (const { spec } of engines.answering.containers) {
    if (isOfKernel(spec.labels) || prewarmedNetworkLabels.owner in spec.labels)
      simulation.fail(`the container ${spec.name} is left`);
  }
  for (const folder of [`${settings.stateDir}/kernels`, `${settings.stateDir}/quarantine`]) {
    const names = machine.disk.files.namesIn(folder);
    if (names.length > 0) simulation.fail(`${names.join(', ')} is left in ${folder}`);
  }
  for (const { name, preparations, told } of kernels) {
    if (preparations === told.length) continue;
    simulation.fail(`${name} was prepared ${preparations} times and ended ${told.length} times`);
  }
  const scratch = settings.container.scratchRoot;
  for (const name of machine.disk.files.namesIn(scratch)) {
    if (kernels.some(({ id }) => id === name)) simulation.fail(`the folder ${name} is left`);
  }
  const trash = machine.disk.files.namesIn(`${scratch}/.trash`);
  if (trash.length > 0) simulation.fail(`${trash.join(', ')} is left to be deleted`);
}
