/** Plays rounds of chaos on a stage: clients at work, one trouble, and then all must be right again. */
import type { SeededRandom } from '../support/random.ts';
import type { Stage } from './stage.ts';
import { troublesOf } from './troubles.ts';

/** How a round went; `problem` is null where all was right afterwards. */
export interface Round {
  /** What was done in it, and what went wrong: enough to be understood alone. */
  readonly text: string;
  readonly problem: string | null;
}

/** One alone says little; the first may wait longer than there is time for what a trouble left. */
const leastRounds = 2;

/** Plays for so many seconds, and two rounds at least; the stage's end counts as a round. A round that fails is the last before that. */
export async function playChaos(
  stage: Stage,
  seconds: number,
  random: SeededRandom,
  tell: (round: Round) => void,
): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  const note = (text: string, problem: string | null): void => {
    const round = { text, problem };
    rounds.push(round);
    tell(round);
  };
  const troubles = troublesOf(stage);
  const end = performance.now() + seconds * 1000;
  do {
    const begun = performance.now();
    const clients = stage.clients(random);
    const trouble = random.oneOf(troubles);
    const served = Promise.allSettled(clients.map((client) => client.begin()));
    const works = clients.map(({ name }) => name).join(', ');
    const tellRound = (what: string, outcome: string, problem: string | null): void => {
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      note(`round ${rounds.length + 1}: ${trouble.name}${what} while clients ${works}; ${outcome}${took} s`, problem);
    };
    let done = '';
    try {
      const detail = await trouble.make(random);
      done = detail === '' ? '' : ` (${detail})`;
      await served;
      tellRound(done, `${await stage.settle(trouble)} kernels, `, null);
    } catch (error) {
      await served;
      tellRound(done, '', problemOf(error, stage));
    }
  } while ((performance.now() < end || rounds.length < leastRounds) && rounds.at(-1)?.problem === null);
  await stage[Symbol.asyncDispose]().then(
    () => note('at the end nothing is left', null),
    (error: unknown) => note('at the end something is left', problemOf(error, stage)),
  );
  return rounds;
}

const problemOf = (error: unknown, { lastWords }: Stage): string =>
  `${messageOf(error)}\nthe daemon’s last words:\n${lastWords}`;

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}
