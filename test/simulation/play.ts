/** Plays a schedule to its end: its actions, then a time in which nothing goes wrong, in which everything must come right. */
import { Actions } from './actions.ts';
import { Callers } from './callers.ts';
import { checkAnswers, checkFaultCame } from './faults/only-fault.ts';
import { checkAlways, checkNothingLeft, checkTold, isQuiet } from './invariants.ts';
import type { Schedule } from './schedule.ts';
import type { SimulatedSettings } from './settings.ts';
import { Simulation } from './simulation.ts';
import type { CallsOfAll } from './worker-messages.ts';
import { enter } from './world/interposition.ts';

/** What came of a schedule. */
export interface Played {
  readonly transcript: readonly string[];
  /** Which invariant did not hold; null: all did. */
  readonly violation: string | null;
  /** The longest that anybody waited, by what was asked, in milliseconds. */
  readonly longest: ReadonlyMap<string, number>;
  readonly events: number;
  readonly calls: CallsOfAll;
}

/** How often the invariants are looked at while nothing is done. */
const lookMs = 2_000;
/** Until the last of those who wait for a runner that stands still gives up. */
const standstillMs = 400_000;
/** In which everything that was begun comes to an end, and orphans are seen twice over their grace. */
const settleMs = 300_000;
/** Until a removal that failed is tried again, and again. */
const endMs = 240_000;
/** Folders without a kernel are left alone for so long. */
const orphanFolderMs = 3_700_000;

/** Plays it. A defect of the simulation is a violation too. */
export async function play(schedule: Schedule, { alone, member }: SimulatedSettings): Promise<Played> {
  const onEngineRestart = schedule.startsAgain === true ? 'restart' : 'end';
  const settings = schedule.isMember === true ? member : alone;
  const simulation = new Simulation(schedule, { ...settings, onEngineRestart });
  const unheard = (error: unknown): void => simulation.fail(`a promise was rejected unheard: ${String(error)}`);
  process.on('unhandledRejection', unheard);
  process.on('uncaughtException', unheard);
  const callers = new Callers(simulation);
  try {
    const actions = new Actions(simulation, callers);
    const { timeline } = simulation.machine;
    const pass: Pass = async (forMs, enough = () => false) => {
      const until = timeline.now + forMs;
      while (timeline.now < until && !simulation.violation && !enough()) {
        await timeline.run(Math.min(until, timeline.now + lookMs), () => simulation.violation !== null);
        checkAlways(simulation);
        callers.check();
      }
    };
    await simulation.plantForeign();
    simulation.startDaemon();
    for (const step of schedule.steps) {
      await pass(step.at - timeline.now);
      if (simulation.violation) break;
      timeline.inWorld(() => actions.do(step));
      checkAlways(simulation);
    }
    if (schedule.isOnlyFault) checkFaultCame(simulation);
    await conclude(simulation, { callers, actions, pass });
    if (schedule.isOnlyFault) checkAnswers(simulation, schedule, callers.answers);
  } catch (error) {
    simulation.fail(`it cannot be played on: ${String(error)}`);
  } finally {
    enter(null);
    process.off('unhandledRejection', unheard);
    process.off('uncaughtException', unheard);
  }
  return {
    transcript: simulation.transcript,
    violation: simulation.violation?.message ?? null,
    longest: callers.longest,
    events: simulation.machine.timeline.ran,
    calls: simulation.calls,
  };
}

/** Lets time pass, unless it is enough before. */
type Pass = (forMs: number, enough?: () => boolean) => Promise<void>;

/** Everything is well again: nobody waits for ever, every kernel runs or has ended, and nothing is left of those that end. */
async function conclude(
  simulation: Simulation,
  { callers, actions, pass }: { readonly callers: Callers; readonly actions: Actions; readonly pass: Pass },
): Promise<void> {
  if (simulation.violation) return;
  const { machine, engines, kernels } = simulation;
  const { timeline } = machine;
  // Nobody waits for what stands still as long as that does.
  if (simulation.isAnyFrozen) await pass(standstillMs, () => !callers.isAnybodyWaiting);
  if (simulation.violation) return;
  const known = await simulation.knownEngine();
  timeline.inWorld(() => {
    simulation.tell('everything is well again');
    simulation.isWell = true;
    machine.disk.heal();
    engines.heal(known);
    simulation.cluster.heal();
    simulation.thaw();
    simulation.startDaemon();
    actions.resumeAll();
  });
  await pass(settleMs, () => !callers.isAnybodyWaiting && isQuiet(simulation));
  if (simulation.isAnyMissing) await pass(simulation.settings.missingGraceMs + settleMs, () => isQuiet(simulation));
  if (simulation.violation) return;
  if (simulation.daemon?.owner.hasEnded) timeline.inWorld(() => simulation.startDaemon());
  simulation.checkEndsKept();
  checkTold(simulation, 'running');
  for (const kernel of kernels) {
    const phase = simulation.phaseOf(kernel);
    if (phase === 'running' && !simulation.containerOf(kernel))
      simulation.fail(`${kernel.name} runs without a container`);
    if (phase === null && kernel.isLive) simulation.fail(`${kernel.name} is gone, and its end was not told`);
    if (phase !== null && phase !== 'running') simulation.fail(`${kernel.name} is ${phase} still`);
  }
  for (const kernel of kernels) if (kernel.isLive) timeline.inWorld(() => actions.destroy(kernel, true));
  await pass(endMs, () => !callers.isAnybodyWaiting && isQuiet(simulation));
  if (simulation.hasOrphanFolder) await pass(orphanFolderMs, () => !simulation.hasOrphanFolder);
  timeline.inWorld(() => actions.askWhatIsUsed());
  await pass(endMs, () => !callers.isAnybodyWaiting);
  // A stop waits less long for an engine than calls do that were begun before: idle networks would stay for the next start.
  await pass(endMs, () => !engines.isAnybodyWaiting);
  let hasStopped = false;
  const stopped = (): void => {
    hasStopped = true;
  };
  timeline.inWorld(() => actions.stopDaemon(stopped, { isLast: true }));
  await pass(endMs, () => hasStopped);
  if (simulation.violation) return;
  checkTold(simulation, 'stopped');
  if (!hasStopped) simulation.fail('the daemon does not stop');
  if (callers.isAnybodyWaiting) simulation.fail('somebody waits still');
  checkNothingLeft(simulation);
}
