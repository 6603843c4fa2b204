/**
 * `npm run chaos -- --seconds N`: kernels are created, used, restarted and removed while the daemon is killed and the
 * engine misbehaves, again and again; after each round the node's books must be right and a kernel that was there all
 * along must have its memory. Every choice follows from the seed, which is printed; `KERNELET_TEST_SEED` sets it. One
 * line for each round; the last line is `N passed, N failed`.
 */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureEngine } from '../../scripts/engine.mjs';
import { FaultProxy } from '../support/fault-proxy.ts';
import { callApi } from '../support/local-api.ts';
import { eventually } from '../support/node-facts.ts';
import { checkBooks } from '../support/node-invariants.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { type SeededRandom, seededRandom } from '../support/random.ts';
import { type Scene, troubles } from './troubles.ts';

const maxKernels = 4;
/** How long what had gone wrong may take to be put right: removals that failed are tried again after a while. */
const settlesWithinMs = 90_000;
const secret = 'kept through everything';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** One thing that a client does; that it may be refused is part of the game. */
function action(node: NodeUnderTest, random: SeededRandom, kernels: readonly string[]): () => Promise<unknown> {
  const api = (method: string, place: string, body?: object) => () =>
    callApi(node.socket, method, `/v1/kernels${place}`, body === undefined ? {} : { body });
  if (kernels.length === 0 || (kernels.length < maxKernels && random.fraction() < 0.4)) {
    return api('POST', '', { id: randomUUID(), language: 'python', publish: [8000] });
  }
  const id = random.oneOf(kernels);
  return random.oneOf([
    api('DELETE', `/${id}`),
    api('POST', `/${id}/restart`, {}),
    () => node.run(['exec', id, '-c', 'print("x" * 100_000)']),
  ]);
}

async function python(node: NodeUnderTest, id: string, code: string): Promise<string> {
  const { status, text, stderr } = await node.run(['exec', id, '-c', code]);
  if (status !== 0) throw new Error(`exec ended with status ${status}: ${stderr}`);
  return text;
}

/** Plays one round, and puts everything right again; the node's own state is what the next one begins with. */
async function playRound(scene: Omit<Scene, 'kernels'>, witness: string): Promise<string> {
  const { node, random } = scene;
  const kernels = (await checkBooks(node)).map(({ id }) => id).filter((id) => id !== witness);
  const actions = Array.from({ length: random.between(1, 3) }, () => action(node, random, kernels));
  const trouble = random.oneOf(troubles);
  await Promise.allSettled([...actions.map((begin) => begin()), trouble.make({ ...scene, kernels })]);
  if (!node.isServing) await node.startDaemon();
  await eventually('the books are right', async () => await checkBooks(node), settlesWithinMs);
  if ((await python(node, witness, 'print(secret)')) !== `${secret}\n`) throw new Error('the witness has forgotten');
  return `${trouble.name}, ${actions.length} actions, ${kernels.length} kernels`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}, not a number above 0`);
  let [passed, failed] = [0, 0];
  const tell = (problem: unknown): void => {
    failed += 1;
    console.log(`FAILED ${problem instanceof Error ? `${problem.message} ${problem.cause ?? ''}` : String(problem)}`);
  };
  await using cleanups = new AsyncDisposableStack();
  const engine = await ensureEngine({ log: say });
  cleanups.defer(() => engine.stop());
  process.env['DOCKER_HOST'] = engine.dockerHost;
  const socket = engine.dockerHost.replace(/^unix:\/\//, '');
  const proxy = cleanups.use(await FaultProxy.start(socket, path.join(tmpdir(), `kernelet-chaos-${process.pid}.sock`)));
  const random = seededRandom('chaos');
  const node = await NodeUnderTest.started({ dockerHost: proxy.dockerHost });
  try {
    const built = await node.run(['image', 'build', 'python', '--if-missing']);
    if (built.status !== 0) throw new Error(`the image could not be built: ${built.stderr}`);
    const witness = await node.create('--lang', 'python');
    await python(node, witness, `secret = ${JSON.stringify(secret)}`);
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const begun = performance.now();
      await playRound({ node, proxy, random }, witness).then((what) => {
        passed += 1;
        console.log(`ok     ${what} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
      }, tell);
    }
  } finally {
    // It asserts that nothing is left.
    await node[Symbol.asyncDispose]().then(() => (passed += 1), tell);
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
