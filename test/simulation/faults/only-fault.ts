/** What must hold beside all else where one fault is all that befalls a node: it came, and nobody was told a falsehood. */
import type { Answer } from '../callers.ts';
import type { Schedule } from '../schedule.ts';
import type { Simulation } from '../simulation.ts';

/** Notes faults that nothing has met. */
export function checkFaultCame(simulation: Simulation): void {
  for (const call of simulation.unspentFaults) simulation.fail(`no ${call} has come that could fail`);
}

/** Notes answers that are not so, and refusals for which the cluster alone could be the reason: kernels need nothing of it. */
export function checkAnswers(simulation: Simulation, { steps }: Schedule, answers: readonly Answer[]): void {
  const isEngineWell = !steps.some((step) => step.do === 'fail-call');
  for (const answer of answers) {
    const { what, subject, code, phase } = answer;
    if (isTrue(answer) && (code === null || !isEngineWell)) continue;
    simulation.fail(`${what} ${subject} is answered with ${code ?? 'success'}, and the kernel is ${phase ?? 'gone'}`);
  }
}

function isTrue({ what, code, phase }: Answer): boolean {
  // It says that the program is wrong, and nothing of what befell it.
  if (code === 'INTERNAL') return false;
  switch (what) {
    case 'create':
      return code === null ? phase === 'running' : phase !== 'running';
    case 'restart':
      return code !== null || phase === 'running';
    case 'destroy':
      return code === null ? phase === null : phase !== null;
    default:
      return true;
  }
}
