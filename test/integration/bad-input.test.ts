/** Wrong values at the command line and at the API: one error with code, object and cure, and nothing has changed. */
import { randomUUID } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { foreignArchitecture, loadEmptyImage, ownArchitecture } from '../support/empty-image.ts';
import { connectTestEngine, EngineLedger, uniqueName } from '../support/engine.ts';
import { assertNothingLeft, type Inventory, inventory } from '../support/inventory.ts';
import { type ApiCallOptions, callApi } from '../support/local-api.ts';
import { kernelsOf, statusOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { prewarmedNetworks } from '../support/prewarmed-networks.ts';
import { apiRefusalOf, refused } from '../support/refusal.ts';

let node: NodeUnderTest;
let ledger: EngineLedger;
/** A kernel that must come through all of it. */
let python: string;
let before: Inventory;
const foreign = `${uniqueName('kernelet-test/foreign')}:1`;
const empty = `${uniqueName('kernelet-test/empty')}:1`;

beforeAll(async () => {
  ledger = new EngineLedger(await connectTestEngine());
  await loadEmptyImage(ledger.image(foreign), foreignArchitecture);
  await loadEmptyImage(ledger.image(empty), ownArchitecture);
  node = await NodeUnderTest.started();
  await prewarmedNetworks(node);
  python = await node.create('--lang', 'python');
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await ledger?.[Symbol.asyncDispose]();
  await ledger?.engine[Symbol.asyncDispose]();
});
beforeEach(async () => {
  before = await inventory(node.stateDir);
});
afterEach(async () => {
  await assertNothingLeft(before, node.stateDir);
  expect((await kernelsOf(node)).map(({ id }) => id)).toEqual([python]);
  const { slots, invariantViolations } = await statusOf(node);
  expect([slots.cpus.used, slots.ports.used]).toEqual([1, 0]);
  expect(Object.values(invariantViolations).filter((count) => count > 0)).toEqual([]);
});

type Row = readonly [args: readonly string[], code: string, status: number, text: RegExp];

describe('the command line refuses', () => {
  const limits: readonly Row[] = [
    ['0', /--cpus "0" must be above 0/],
    ['-1', /cpus/],
    ['lots', /lots/],
    ['1e400', /1e400/],
    ['NaN', /NaN/],
    ['', /cpus/],
  ].map(([value, text]): Row => [['--cpus', String(value)], 'INVALID_ARGUMENT', 2, new RegExp(text ?? '')]);

  it.each<Row>([
    ...limits,
    [['--cpus', '0.000001'], 'INVALID_ARGUMENT', 2, /cpus.*0\.01/],
    [['--cpus', '999999'], 'INSUFFICIENT_RESOURCES', 125, /cpus: 999999 asked for, this machine has \d/],
    [['--mem', '0'], 'INVALID_ARGUMENT', 2, /--mem "0"/],
    [['--mem', '-5g'], 'INVALID_ARGUMENT', 2, /-5g/],
    [['--mem', '1'], 'INVALID_ARGUMENT', 2, /at least \d+ bytes \(32m\), not 1/],
    [['--mem', '12 apples'], 'INVALID_ARGUMENT', 2, /12 apples/],
    [['--mem', '9999999e'], 'INVALID_ARGUMENT', 2, /9999999e/],
    [['--mem', '900t'], 'INSUFFICIENT_RESOURCES', 125, /memory: 900 TiB asked for, this machine has [\d.]+ GiB/],
    [['--processes', '0'], 'INVALID_ARGUMENT', 2, /processes/],
    [['--processes', '-1'], 'INVALID_ARGUMENT', 2, /processes/],
    [['--processes', '1.5'], 'INVALID_ARGUMENT', 2, /processes/],
    [['--processes', '2'], 'INVALID_ARGUMENT', 2, /processes must be from 24/],
    [['--processes', '99999999'], 'INVALID_ARGUMENT', 2, /processes/],
    [['--publish', '0'], 'INVALID_ARGUMENT', 2, /port/],
    [['--publish', '65536'], 'INVALID_ARGUMENT', 2, /65536/],
    [['--publish', '80', '--publish', '80'], 'INVALID_ARGUMENT', 2, /publish|port/],
    [['--publish', '80', '--network', 'none'], 'INVALID_ARGUMENT', 2, /bridge/],
    [['--network', 'host'], 'INVALID_ARGUMENT', 2, /host/],
    [['--pull', 'sometimes'], 'INVALID_ARGUMENT', 2, /sometimes/],
    [['--env', '=x'], 'INVALID_ARGUMENT', 2, /env/],
    [['--env', 'A B=x'], 'INVALID_ARGUMENT', 2, /A B/],
    [['--env', 'KERNELET_TEST_ABSENT'], 'INVALID_ARGUMENT', 2, /KERNELET_TEST_ABSENT/],
    [['--mount', 'nowhere'], 'INVALID_ARGUMENT', 2, /nowhere/],
    [['--mount', '/tmp:relative'], 'INVALID_ARGUMENT', 2, /relative/],
    [['--mount', '/tmp:/data'], 'FORBIDDEN_MOUNT', 125, /^\/tmp is a folder of the system/],
    [['--mount', '/:/data'], 'FORBIDDEN_MOUNT', 125, /\//],
    [['--lang', 'klingon'], 'INVALID_ARGUMENT', 2, /klingon/],
    [['--image', ''], 'INVALID_ARGUMENT', 2, /image/],
    [['--image', 'Not An Image'], 'INVALID_ARGUMENT', 2, /image/],
    [['--image', `kernelet-test/absent:1`, '--pull', 'never'], 'IMAGE_NOT_FOUND', 125, /kernelet-test\/absent:1/],
    [['--image', foreign, '--pull', 'never'], 'IMAGE_UNUSABLE', 125, new RegExp(`foreign.*${foreignArchitecture}`)],
    [['--nonsense'], 'INVALID_ARGUMENT', 2, /nonsense/],
  ])('run %j', async (args, code, status, text) => {
    const language = args.some((arg) => arg === '--lang' || arg === '--image') ? [] : ['--lang', 'shell'];
    const refusal = await refused(node, ['run', ...language, ...args, '-c', 'true']);
    expect(refusal).toMatchObject({ code, status, message: expect.stringMatching(text) });
  });

  it.each<Row>([
    [['create'], 'INVALID_ARGUMENT', 2, /--lang or --image/],
    [['create', '--lang', 'shell', '--id', 'me'], 'INVALID_ARGUMENT', 2, /me|UUID/],
    [['create', '--lang', 'shell', '--idle-timeout', '1ms'], 'INVALID_ARGUMENT', 2, /idle/],
    [['create', '--lang', 'shell', '--idle-timeout', 'soon'], 'INVALID_ARGUMENT', 2, /soon/],
    [['run', '--timeout', '0', '--lang', 'shell', '-c', 'true'], 'INVALID_ARGUMENT', 2, /timeout/],
    [['run', '/no/such/file.py'], 'INVALID_ARGUMENT', 2, /no\/such\/file\.py/],
    [['run', '/tmp'], 'INVALID_ARGUMENT', 2, /folder/],
    [['run'], 'INVALID_ARGUMENT', 2, /./],
    [['exec', 'ffffffff', '-c', 'true'], 'KERNEL_NOT_FOUND', 125, /ffffffff/],
    [['exec', '../..', '-c', 'true'], 'INVALID_ARGUMENT', 2, /\.\./],
    [['exec', ''], 'INVALID_ARGUMENT', 2, /./],
    [['logs', 'ffffffff'], 'KERNEL_NOT_FOUND', 125, /ffffffff/],
    [['restart', 'ffffffff'], 'KERNEL_NOT_FOUND', 125, /ffffffff/],
    [['interrupt', 'ffffffff'], 'KERNEL_NOT_FOUND', 125, /ffffffff/],
    [['complete', 'ffffffff', 'x'], 'KERNEL_NOT_FOUND', 125, /ffffffff/],
    [['ls', 'ffffffff'], 'KERNEL_NOT_FOUND', 125, /ffffffff/],
    [['image', 'inspect', 'kernelet-test/absent:1'], 'IMAGE_NOT_FOUND', 125, /kernelet-test\/absent:1/],
    [['image', 'build', '../images'], 'INVALID_ARGUMENT', 2, /images/],
    [['image', 'build', 'absent'], 'INVALID_ARGUMENT', 2, /absent/],
    [['dance'], 'INVALID_ARGUMENT', 2, /dance/],
  ])('%j', async (args, code, status, text) => {
    expect(await refused(node, args)).toMatchObject({ code, status, message: expect.stringMatching(text) });
  });

  it.each([
    ['rm', 'ffffffff', 'KERNEL_NOT_FOUND'],
    ['image rm', 'kernelet-test/absent:1', 'IMAGE_NOT_FOUND'],
  ])('%s of what is not there, telling what came of each', async (command, id, code) => {
    const outcome = await node.run(['--json', ...command.split(' '), id]);
    expect(outcome).toMatchObject({ status: 125, stderr: expect.stringContaining(id) });
    const told: unknown = JSON.parse(outcome.text);
    expect(told).toMatchObject({
      removed: [],
      failed: [{ id, error: { code, message: expect.stringContaining(id) } }],
    });
  });

  it('a kernel under an id that is taken, also in other letters', async () => {
    for (const id of [python, python.toUpperCase()]) {
      const refusal = await refused(node, ['create', '--lang', 'shell', '--id', id]);
      expect(refusal).toMatchObject({ status: 125, message: expect.stringContaining(python) });
    }
  });

  it('the removal of what is not there, one error for each', async () => {
    const outcome = await node.run(['--json', 'rm', '-f', 'ffffffff', '../..']);
    expect(outcome.status).toBe(125);
    const { removed, failed } = JSON.parse(outcome.text);
    expect(removed).toEqual([]);
    expect(Object.fromEntries(failed.map(({ id, error }: { id: string; error: object }) => [id, error]))).toEqual({
      ffffffff: expect.objectContaining({ code: 'KERNEL_NOT_FOUND', message: expect.stringContaining('ffffffff') }),
      '../..': expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('"../.."') }),
    });
  });

  // @promise clear-errors
  it('the same without --json in one sentence and its cure, and prints nothing else', async () => {
    const outcome = await node.run(['run', '--lang', 'shell', '--mem', '900t', '-c', 'true']);
    expect(outcome).toMatchObject({ status: 125, text: '' });
    expect(outcome.stderr).toMatch(/^kernelet: memory: .*\nAsk for less, or remove kernels\.\n$/);
  });
});

describe('an image without any file', () => {
  it('has the shell of the runner, and no other language', async () => {
    const shell = await node.run(['run', '--image', empty, '--pull', 'never', '-c', 'echo hi; exit 3']);
    expect(shell).toMatchObject({ status: 3, text: 'hi\n' });
    const absent = await node.run(['run', '--image', empty, '--pull', 'never', '--lang', 'python', '-c', 'print(1)']);
    expect(absent).toMatchObject({ status: 127, text: '' });
    expect(absent.stderr).toMatch(/^kernelet: .*python.*\n$/);
  });
});

describe('a registry', () => {
  // @promise registry-silent
  it('that refuses or says nothing ends a run within 15 s with the name of the image', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const silent = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/silent:1`;
    try {
      for (const image of ['127.0.0.1:1/refused:1', silent]) {
        const begun = performance.now();
        const refusal = await refused(node, ['run', '--image', image, '-c', 'true']);
        expect(refusal).toMatchObject({ code: 'IMAGE_PULL_FAILED', status: 125 });
        expect(refusal.message).toContain(image);
        expect(performance.now() - begun).toBeLessThan(15_000);
      }
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    }
  });
});

describe('the API refuses', () => {
  const kernel = (change: object): ApiCallOptions => ({ body: { language: 'shell', ...change } });
  const run = (request: object): ApiCallOptions => ({ body: { request } });

  it.each<readonly [ApiCallOptions, RegExp]>([
    [kernel({ cpus: 0 }), /^INVALID_ARGUMENT: body\.cpus/],
    [kernel({ cpus: -1 }), /^INVALID_ARGUMENT: body\.cpus/],
    [kernel({ cpus: '1' }), /^INVALID_ARGUMENT: body\.cpus/],
    [kernel({ cpus: 1e300 }), /^INVALID_ARGUMENT: body\.cpus/],
    [kernel({ cpus: 500_000 }), /^INSUFFICIENT_RESOURCES: cpus: 500000 asked for/],
    [kernel({ memoryBytes: 0 }), /^INVALID_ARGUMENT: body\.memoryBytes/],
    [kernel({ memoryBytes: 1.5 }), /^INVALID_ARGUMENT: body\.memoryBytes/],
    [kernel({ memoryBytes: 4096 }), /^INVALID_ARGUMENT: memory must be at least/],
    [kernel({ memoryBytes: 2 ** 52 }), /^INSUFFICIENT_RESOURCES: memory/],
    [kernel({ processes: 1 }), /^INVALID_ARGUMENT: processes/],
    [kernel({ id: '../../etc' }), /^INVALID_ARGUMENT: body\.id/],
    [kernel({ id: null }), /^INVALID_ARGUMENT: body\.id/],
    [kernel({ environ: { 'A=B': 'x' } }), /^INVALID_ARGUMENT: body\.environ/],
    [kernel({ environ: { A: 'x\0y' } }), /^INVALID_ARGUMENT: body\.environ/],
    [kernel({ environ: { A: 'x'.repeat(200_000) } }), /^INVALID_ARGUMENT: body\.environ/],
    [kernel({ mounts: [{ source: '/etc', target: '/data' }] }), /^FORBIDDEN_MOUNT: .*\/etc/],
    [kernel({ mounts: [{ source: 'x', target: '/data' }] }), /^INVALID_ARGUMENT: body\.mounts\.0\.source/],
    [kernel({ network: 'host' }), /^INVALID_ARGUMENT: body\.network/],
    [kernel({ publish: [0] }), /^INVALID_ARGUMENT: body\.publish/],
    [kernel({ privileged: true }), /^INVALID_ARGUMENT: body: unknown key "privileged"/],
    [kernel({ language: 'klingon' }), /^INVALID_ARGUMENT: .*klingon/],
    [{ body: {} }, /^INVALID_ARGUMENT: /],
    [{ body: '{"language": ' }, /^INVALID_ARGUMENT: body: not JSON/],
    [{ body: Buffer.from([0x22, 0xff, 0x22]) }, /^INVALID_ARGUMENT: body: not UTF-8/],
    [{ body: '[]' }, /^INVALID_ARGUMENT: body/],
    [{ body: 'null' }, /^INVALID_ARGUMENT: body/],
    [{ body: 'x', headers: { 'content-type': 'text/plain' } }, /^INVALID_ARGUMENT: body: of type "text\/plain"/],
    [{ body: `"${'x'.repeat(5_000_000)}"` }, /^TOO_LARGE: body/],
    [{ body: endless(), headers: { 'content-type': 'application/json' } }, /^TOO_LARGE: body/],
  ])('POST /v1/kernels, case %#', async (options, text) => {
    expect(apiRefusalOf(await callApi(node.socket, 'POST', '/v1/kernels', options))).toMatch(text);
  });

  it('an id that is taken', async () => {
    const reply = await callApi(node.socket, 'POST', '/v1/kernels', kernel({ id: python }));
    expect(apiRefusalOf(reply)).toMatch(new RegExp(`^KERNEL_EXISTS: .*${python}`));
  });

  it.each<readonly [method: string, path: string, ApiCallOptions, RegExp]>([
    ['GET', '/v1/nothing', {}, /^NO_SUCH_ROUTE/],
    ['PATCH', '/v1/kernels', {}, /^NO_SUCH_ROUTE/],
    ['GET', '/', {}, /^NO_SUCH_ROUTE/],
    ['GET', '/v1/kernels?all=perhaps', {}, /^INVALID_ARGUMENT: query\.all/],
    ['GET', '/v1/kernels?all=true&all=false', {}, /^INVALID_ARGUMENT: query\.all: given 2 times/],
    ['GET', '/v1/kernels?al=true', {}, /^INVALID_ARGUMENT: query: unknown key "al"/],
    ['GET', `/v1/kernels/${randomUUID()}`, {}, /^KERNEL_NOT_FOUND/],
    ['GET', '/v1/kernels/..%2f..%2fetc', {}, /^INVALID_ARGUMENT: path\.id/],
    ['GET', '/v1/kernels/%ff', {}, /^(INVALID_ARGUMENT|NO_SUCH_ROUTE)/],
    ['DELETE', '/v1/kernels/ffffffff', {}, /^KERNEL_NOT_FOUND/],
    ['GET', '/v1/events?after=-1', {}, /^INVALID_ARGUMENT: query\.after/],
    ['GET', '/v1/events', { headers: { 'last-event-id': '1; drop' } }, /^INVALID_ARGUMENT: header Last-Event-ID/],
    ['POST', '/v1/images/build', { body: { name: '../../etc' } }, /^INVALID_ARGUMENT/],
    ['POST', '/v1/images/pull', { body: { reference: '-f' } }, /^INVALID_ARGUMENT/],
    ['DELETE', '/v1/images?reference=kernelet-test/absent:1', {}, /^IMAGE_NOT_FOUND/],
  ])('%s %s', async (method, path, options, text) => {
    expect(apiRefusalOf(await callApi(node.socket, method, path, options))).toMatch(text);
  });

  it.each<readonly [suffix: string, ApiCallOptions, RegExp]>([
    ['/runs', run({ mode: 'dance' }), /^INVALID_ARGUMENT: body\.request/],
    ['/runs', run({ mode: 'query' }), /^INVALID_ARGUMENT: body\.request/],
    ['/runs', run({ mode: 'query', code: 'x'.repeat(500_000) }), /^INVALID_ARGUMENT: body\.request\.code/],
    ['/runs', run({ mode: 'query', code: '1', timeoutMs: 0 }), /^INVALID_ARGUMENT: body\.request\.timeoutMs/],
    ['/runs', run({ mode: 'query', code: '1', timeoutMs: 1e15 }), /^INVALID_ARGUMENT: body\.request\.timeoutMs/],
    ['/runs', run({ mode: 'command', argv: [] }), /^INVALID_ARGUMENT: body\.request\.argv/],
    ['/runs', run({ mode: 'command', argv: ['a\0b'] }), /^INVALID_ARGUMENT: body\.request\.argv/],
    ['/runs', { body: { run: '../x', request: { mode: 'query', code: '1' } } }, /^INVALID_ARGUMENT: body\.run/],
    ['/runs/none/input', { body: { text: 'x' } }, /^RUN_NOT_FOUND: .*none/],
    ['/runs/none/cancel', { body: {} }, /^RUN_NOT_FOUND: .*none/],
    ['/runs/none/cancel', { body: { signal: 'SIGSTOP' } }, /^INVALID_ARGUMENT: body\.signal/],
    ['/complete', { body: { code: 'x', cursor: -1 } }, /^INVALID_ARGUMENT: body\.cursor/],
  ])('POST /v1/kernels/ID%s, case %#', async (suffix, options, text) => {
    const reply = await callApi(node.socket, 'POST', `/v1/kernels/${python}${suffix}`, options);
    expect(apiRefusalOf(reply)).toMatch(text);
  });

  it('a run id that stands for another request, and does not run it', async () => {
    const post = (code: string) =>
      callApi(node.socket, 'POST', `/v1/kernels/${python}/runs`, {
        body: { run: 'mine', request: { mode: 'query', code } },
      });
    expect((await post('seen = 1')).status).toBe(202);
    expect(apiRefusalOf(await post('seen = 2'))).toMatch(/^RUN_EXISTS: .*mine/);
    expect((await node.run(['exec', python, '-c', 'seen'])).text).toBe('1\n');
  });

  it('what is not HTTP, and goes on serving', async () => {
    const { connect } = await import('node:net');
    for (const garbage of ['\0\0\0\0', 'GET\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`]) {
      const said = await new Promise<string>((resolve) => {
        let text = '';
        const socket = connect(node.socket, () => socket.write(garbage));
        socket.on('data', (chunk) => (text += String(chunk)));
        socket.on('error', () => {});
        socket.on('close', () => resolve(text));
        socket.setTimeout(10_000, () => socket.destroy());
      });
      expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect((await statusOf(node)).phase).toBe('ready');
  });
});

/** A JSON text that has no end, without a declared length; stops when nobody takes it any more. */
async function* endless(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('"');
  for (let piece = 0; piece < 1_000; piece += 1) yield Buffer.alloc(65_536, 'x');
}
