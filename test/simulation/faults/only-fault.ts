/** What must hold beside all else where one fault is all that befalls a node: it came, and nobody was told a falsehood. */
import type { Answer } from '../callers.ts';
import type { Simulation } from '../simulation.ts';

/** Notes faults that nothing has met. */
export function checkFaultCame(simulation: Simulation): void {
  for (const method of simulation.engines.unspentFaults) simulation.fail(`no ${method} has come that could fail`);
}

/** Notes answers that are not so. */
export function checkAnswers(simulation: Simulation, answers: readonly Answer[]): void {
  for (const answer of answers) {
    const { what, subject, code, phase } = answer;
    if (isTrue(answer)) continue;
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
