/**
 * `npm run chaos -- --seconds N`: kernels are created, used, restarted and removed while the daemon is killed, the engine misbehaves
 * and, of a member, etcd and Redis come and go; after each round everything must be right. `--on alone` or `--on member` plays one
 * of the two, each for its half of the time. Every choice follows from the seed, which is printed; `KERNELET_TEST_SEED` sets it. One
 * line for each round, with what is wrong; the last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { ensureEngine } from '../../scripts/engine.mjs';
import { seededRandom } from '../support/random.ts';
import { ensureImages } from '../support/test-images.ts';
import { playChaos } from './play-chaos.ts';
import { isStageName, Stage, stageNames } from './stage.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, on: { type: 'string', multiple: true } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}, not a number above 0`);
  const names = values.on ?? stageNames;
  if (!names.every(isStageName)) throw new Error(`--on is ${names.join(', ')}, not ${stageNames.join(' or ')}`);
  await using cleanups = new AsyncDisposableStack();
  const engine = await ensureEngine({ log: say });
  cleanups.defer(() => engine.stop());
  process.env['DOCKER_HOST'] = engine.dockerHost;
  ensureImages(['python', 'shell']);
  const random = seededRandom('chaos');
  let [passed, failed] = [0, 0];
  for (const name of names) {
    const stage = await Stage.open(name);
    const rounds = await playChaos(stage, seconds / names.length, random, ({ text, problem }) =>
      console.log(`${problem === null ? 'ok    ' : 'FAILED'} ${name}, ${text}`, problem ?? ''),
    );
    passed += rounds.filter(({ problem }) => problem === null).length;
    failed += rounds.filter(({ problem }) => problem !== null).length;
  }
  cleanups.defer(() => console.log(`${passed} passed, ${failed} failed`));
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`kernelet: ${error instanceof Error ? error.message : String(error)}`);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
