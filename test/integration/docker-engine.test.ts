/** The Engine's promises, kept by a real Docker engine. */
import { createServer } from 'node:net';
import { packTar } from 'modern-tar';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import type { EngineEvent, Progress } from '../../src/engine/engine.ts';
import { asContainerId } from '../../src/lib/ids.ts';
import {
  baseImage,
  collect,
  connectTestEngine,
  EngineLedger,
  shellSpec,
  uniqueName,
  within,
} from '../support/engine.ts';

let engine: DockerEngine;
let ledger: EngineLedger;
const short = (): AbortSignal => within(30_000);
const absent = asContainerId('f'.repeat(64));

beforeAll(async () => {
  engine = await connectTestEngine();
});
afterAll(() => engine?.[Symbol.asyncDispose]());
beforeEach(() => {
  ledger = new EngineLedger(engine);
});
afterEach(async () => {
  await ledger[Symbol.asyncDispose]();
});

/** A build context or root file system. */
async function tar(files: Readonly<Record<string, string>>): Promise<ReadableStream<Uint8Array>> {
  const entries = Object.entries(files).map(([name, body]) => ({ header: { name, size: body.length }, body }));
  return new Blob([new Uint8Array(await packTar(entries))]).stream();
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
}

describe('the engine itself', () => {
  it('describes itself and its host', async () => {
    const info = await engine.info(short());
    expect(info.apiVersion).toMatch(/^1\.4[1-4]$/);
    expect(info.architecture).toBe(process.arch === 'arm64' ? 'aarch64' : 'x86_64');
    expect(info.cpus).toBeGreaterThan(0);
    expect(info.memoryBytes).toBeGreaterThan(2 ** 28);
    expect(info.dataRoot).toMatch(/^\//);
    expect(info.runtimes).toContain('runc');
    expect(info.securityOptions.join()).toContain('seccomp');
  });

  it('knows how many files a container may open', async () => {
    const { openFilesLimit = 0 } = await engine.info(short());
    expect(openFilesLimit).toBeGreaterThan(0);
    const id = await ledger.run(shellSpec('ulimit -Hn'));
    await engine.waitContainer(id, short());
    const { stdout } = await collect(engine.containerLogs(id, { follow: false }, short()));
    expect(Number(stdout)).toBe(openFilesLimit);
    const { limits } = shellSpec('');
    const greedy = await ledger.create(shellSpec('true', { limits: { ...limits, openFiles: openFilesLimit } }));
    await engine.startContainer(greedy, short());
  });

  it('is unavailable, in words, where nothing listens', async () => {
    const error = await failureOf(connectTestEngine('unix:///tmp/no-such-engine.sock'));
    expect(error).toMatchObject({ code: 'ENGINE_UNAVAILABLE', message: expect.stringContaining('no such socket') });
  });
});

describe('a container', () => {
  it('runs, prints to both streams, ends with its status, and goes', async () => {
    const id = await ledger.create(shellSpec('echo out; echo err >&2; exit 3'));
    expect((await engine.inspectContainer(id, short()))?.state).toBe('created');
    await engine.startContainer(id, short());
    expect(await engine.waitContainer(id, short())).toBe(3);
    expect(await collect(engine.containerLogs(id, { follow: false }, short()))).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
    });
    const detail = await engine.inspectContainer(id, short());
    expect(detail).toMatchObject({ state: 'exited', exitCode: 3, outOfMemory: false, pid: 0 });
    expect(detail?.finishedAt).not.toBe('');
    await engine.removeContainer(id, short());
    expect(await engine.inspectContainer(id, short())).toBeNull();
  });

  it('is started, killed and removed any number of times', async () => {
    const id = await ledger.run(shellSpec('sleep 600'));
    await engine.startContainer(id, short());
    await engine.killContainer(id, 'SIGKILL', short());
    expect(await engine.waitContainer(id, short())).toBe(137);
    await engine.killContainer(id, 'SIGKILL', short());
    await Promise.all([1, 2, 3].map(() => engine.removeContainer(id, short())));
    await engine.removeContainer(id, short());
    await engine.killContainer(id, 'SIGKILL', short());
  });

  it('is found by name and by label, whole and exact', async () => {
    const spec = shellSpec('sleep 600', { labels: { purpose: uniqueName('purpose') } });
    const id = await ledger.create(spec);
    expect((await engine.inspectContainer(spec.name, short()))?.id).toBe(id);
    expect(await engine.inspectContainer(id.slice(0, 12), short())).toBeNull();
    const listed = await engine.listContainers({ purpose: spec.labels['purpose'] ?? '' }, short());
    expect(listed).toMatchObject([{ id, name: spec.name, state: 'created', labels: spec.labels }]);
    expect(await engine.listContainers({ purpose: 'other' }, short())).toEqual([]);
  });

  it('has no capability but those asked for, no new privileges, its limits, and none of the choices of its image', async () => {
    const script = 'grep -E "CapEff|CapBnd|NoNewPrivs" /proc/self/status; id -u; pwd; cat /proc/1/comm';
    const spec = shellSpec(script, { capabilities: ['SETUID', 'KILL'], workingDirectory: '/tmp' });
    const id = await ledger.run(spec);
    await engine.waitContainer(id, short());
    const { stdout } = await collect(engine.containerLogs(id, { follow: false }, short()));
    const words = stdout.split(/\s+/);
    expect(words.slice(0, 6)).toEqual([
      'CapEff:',
      '00000000000000a0',
      'CapBnd:',
      '00000000000000a0',
      'NoNewPrivs:',
      '1',
    ]);
    expect(words.slice(6, 9)).toEqual(['0', '/tmp', 'docker-init']);
  });

  // @promise infiniband
  it('gets device files of the host, and memory that it may lock, where that is asked for', async () => {
    const script = 'ulimit -l; echo x > /dev/full || echo full';
    const { limits } = shellSpec('');
    const id = await ledger.run(
      shellSpec(script, { limits: { ...limits, lockedBytes: 40 * 1024 }, devices: { nodes: ['/dev/full'] } }),
    );
    await engine.waitContainer(id, short());
    const { stdout } = await collect(engine.containerLogs(id, { follow: false }, short()));
    expect(stdout).toBe('40\nfull\n');
  });

  it('is killed at its memory limit, and inspection says so', async () => {
    const id = await ledger.run(
      shellSpec('head -c 200m /dev/zero | tail -c 200m >/dev/null; exit $?', { init: false }),
    );
    await engine.waitContainer(id, within(60_000));
    // The engine hears of the kill from another source than of the end, sometimes a moment later.
    await expect
      .poll(async () => (await engine.inspectContainer(id, short()))?.outOfMemory, { timeout: 10_000 })
      .toBe(true);
  });

  it('shows its processes as the host sees them', async () => {
    const id = await ledger.run(shellSpec('sleep 600 & sleep 600'));
    const pids = await engine.listProcesses(id, short());
    const pid = (await engine.inspectContainer(id, short()))?.pid;
    expect(pids).toContain(pid);
    expect(pids.length).toBeGreaterThanOrEqual(3);
  });

  it('gives the end of its log, and follows it until it ends', async () => {
    const id = await ledger.run(shellSpec('for i in 1 2 3; do echo $i; done; sleep 1; echo last'));
    expect((await collect(engine.containerLogs(id, { follow: true }, short()))).stdout).toBe('1\n2\n3\nlast\n');
    const tail = await collect(engine.containerLogs(id, { follow: false, tailLines: 2 }, short()));
    expect(tail.stdout).toBe('3\nlast\n');
  });

  it('keeps every byte of its output', async () => {
    const id = await ledger.run(
      shellSpec('printf "\\000\\377\\200a\\nb"; head -c 300000 /dev/zero', { logLimitBytes: 2 ** 23 }),
    );
    await engine.waitContainer(id, short());
    const parts: Uint8Array[] = [];
    for await (const chunk of engine.containerLogs(id, { follow: false }, short())) parts.push(chunk.data);
    const bytes = Buffer.concat(parts);
    expect(bytes.length).toBe(300_006);
    expect(bytes.subarray(0, 6).toString('hex')).toBe('00ff80610a62');
  });

  it('publishes a port, says which, and names the port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const hostPort = typeof address === 'object' && address ? address.port : 0;
    const port = { containerPort: 8080, hostAddress: '127.0.0.1', hostPort };
    const spec = shellSpec('sleep 600', { network: 'bridge', ports: [port] });
    const id = await ledger.create(spec);
    try {
      expect(await failureOf(engine.startContainer(id, short()))).toMatchObject({
        code: 'ENGINE_FAILED',
        context: { port: hostPort },
      });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await engine.startContainer(id, short());
    const detail = await engine.inspectContainer(id, short());
    expect(detail?.ports).toEqual([port]);
    expect(detail?.networkAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    const second = await ledger.create(shellSpec('sleep 600', { network: 'bridge', ports: [port] }));
    expect(await failureOf(engine.startContainer(second, short()))).toMatchObject({ context: { port: hostPort } });
  });

  it('sees a bound folder, read-only where it is to be', async () => {
    const mounts = [{ source: '/etc', target: '/mnt/host', readOnly: true }];
    const script =
      'test -f /mnt/host/hostname && echo there; touch /mnt/host/kernelet-test 2>&1; ls /scratch; df /scratch | tail -1';
    const spec = shellSpec(script, { mounts, temporaryFilesystems: { '/scratch': 'rw,size=1m' } });
    const id = await ledger.run(spec);
    await engine.waitContainer(id, short());
    const { stdout } = await collect(engine.containerLogs(id, { follow: false }, short()));
    expect(stdout).toMatch(/^there\n.*Read-only file system\n.*tmpfs +1024 /s);
  });
});

describe('refusals', () => {
  it('have the codes of the interface', async () => {
    const spec = shellSpec('true');
    await ledger.create(spec);
    expect(await failureOf(engine.createContainer(spec, short()))).toMatchObject({ code: 'KERNEL_EXISTS' });
    const other = shellSpec('true', { image: 'kernelet/no-such-image:1' });
    expect(await failureOf(engine.createContainer(other, short()))).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(await failureOf(engine.inspectImage('kernelet/no-such-image', short()))).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('kernelet/no-such-image'),
    });
    expect(await failureOf(engine.startContainer(absent, short()))).toMatchObject({
      code: 'ENGINE_FAILED',
      context: { status: 404 },
    });
    expect(await failureOf(engine.inspectContainer('../images/json', short()))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await failureOf(engine.inspectImage('../containers', short()))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const missing = shellSpec('true', { mounts: [{ source: '/no/such/path', target: '/mnt', readOnly: true }] });
    expect(await failureOf(engine.createContainer(missing, short()))).toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('/no/such/path'),
    });
  });

  it('of a start leave the container to be inspected and removed', async () => {
    const id = await ledger.create(shellSpec('', { entrypoint: ['/no/such/program'], command: [], init: false }));
    expect(await failureOf(engine.startContainer(id, short()))).toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('/no/such/program'),
    });
    expect((await engine.inspectContainer(id, short()))?.state).toBe('created');
  });

  it('of the caller end a call soon after the signal aborts, with its reason', async () => {
    const id = await ledger.run(shellSpec('sleep 600'));
    const begun = performance.now();
    expect(await failureOf(engine.waitContainer(id, within(200)))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const follow = collect(engine.containerLogs(id, { follow: true }, within(200)));
    expect(await failureOf(follow)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await failureOf(engine.ping(AbortSignal.abort()))).toMatchObject({ code: 'CANCELLED' });
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

describe('a command in a container', () => {
  it('gives its output and status, as the user and with the variables that were asked for', async () => {
    const id = await ledger.run(shellSpec('sleep 600', { capabilities: ['SETUID', 'SETGID'] }));
    const command = ['/bin/sh', '-c', 'id -u; echo "$WORD" >&2; exit 7'];
    const result = await engine.exec(id, command, { user: '65534:65534', environ: ['WORD=a b\nc'] }, short());
    expect(result.exitCode).toBe(7);
    expect(Buffer.from(result.stdout).toString()).toBe('65534\n');
    expect(Buffer.from(result.stderr).toString()).toBe('a b\nc\n');
  });

  it('is waited for when it closes its output first, and refused where nothing runs', async () => {
    const id = await ledger.run(shellSpec('sleep 600'));
    const command = ['/bin/sh', '-c', 'exec >&- 2>&-; sleep 0.5; exit 4'];
    expect((await engine.exec(id, command, {}, short())).exitCode).toBe(4);
    await engine.killContainer(id, 'SIGKILL', short());
    await engine.waitContainer(id, short());
    expect(await failureOf(engine.exec(id, ['true'], {}, short()))).toMatchObject({ context: { status: 409 } });
  });
});

describe('networks', () => {
  it('are made, found, attached to, and removed when nothing is attached', async () => {
    const purpose = uniqueName('purpose');
    const name = await ledger.network({ labels: { purpose } });
    expect(await failureOf(ledger.network({ name }))).toMatchObject({ context: { status: 409 } });
    const id = await ledger.run(shellSpec('sleep 600', { network: name, networkAliases: ['main1'] }));
    const network = await engine.inspectNetwork(name, short());
    expect(network).toMatchObject({ name, attached: [id] });
    expect(network?.subnets[0]).toMatch(/^\d+\.\d+\.\d+\.\d+\/\d+$/);
    expect(await engine.listNetworks({ purpose }, short())).toEqual([network]);
    expect(await failureOf(engine.removeNetwork(name, short()))).toMatchObject({ context: { status: 403 } });
    await engine.removeContainer(id, short());
    await engine.removeNetwork(name, short());
    await engine.removeNetwork(name, short());
    expect(await engine.inspectNetwork(name, short())).toBeNull();
  });

  it('take a container once, however often that is asked for', async () => {
    const [name, other] = [await ledger.network(), await ledger.network()];
    const id = await ledger.run(shellSpec('sleep 600', { network: name }));
    for (const network of [name, other, other]) await engine.connectContainer(id, network, short());
    expect((await engine.inspectNetwork(name, short()))?.attached).toEqual([id]);
    expect((await engine.inspectNetwork(other, short()))?.attached).toEqual([id]);
    await engine.removeContainer(id, short());
  });
});

describe('images', () => {
  it('are built from a Dockerfile with arguments, labels and progress', async () => {
    const reference = ledger.image(`${uniqueName('kernelet-test/built')}:1`);
    const dockerfile = `FROM ${baseImage}\nARG WORD\nRUN echo "$WORD" >/word\nUSER nobody\nHEALTHCHECK CMD true\nENV A=1\n`;
    const progress: Progress[] = [];
    const options = {
      reference,
      buildArguments: { WORD: 'hello there' },
      labels: { 'ai.backend.role': 'COMPUTE' },
      onProgress: (line: Progress) => progress.push(line),
    };
    await engine.buildImage(await tar({ Dockerfile: dockerfile }), options, within(120_000));
    const fractions = progress.flatMap((line) => line.fraction ?? []);
    expect(fractions.length).toBeGreaterThanOrEqual(6);
    expect(fractions).toEqual([...fractions].sort((one, other) => one - other));
    const image = await engine.inspectImage(reference, short());
    expect(image).toMatchObject({ references: [reference], os: 'linux', labels: { 'ai.backend.role': 'COMPUTE' } });
    expect(image.environ).toContain('A=1');
    expect((await engine.listImages(short())).map((one) => one.id)).toContain(image.id);

    const id = await ledger.run(shellSpec('cat /word; id -u', { image: image.id }));
    await engine.waitContainer(id, short());
    expect((await collect(engine.containerLogs(id, { follow: false }, short()))).stdout).toBe('hello there\n0\n');
  });

  it('that fail to build say why, with the last lines', async () => {
    const reference = uniqueName('kernelet-test/broken');
    const dockerfile = `FROM ${baseImage}\nRUN echo a word before the end; exit 9\n`;
    const options = { reference, buildArguments: {}, labels: {} };
    const error = await failureOf(engine.buildImage(await tar({ Dockerfile: dockerfile }), options, within(60_000)));
    expect(error).toMatchObject({ code: 'IMAGE_BUILD_FAILED', context: { image: reference } });
    expect(error).toMatchObject({
      message: expect.stringMatching(/returned a non-zero code: 9\n.*a word before the end/s),
    });
    const syntax = engine.buildImage(await tar({ Dockerfile: 'NONSENSE\n' }), options, short());
    expect(await failureOf(syntax)).toMatchObject({ code: 'IMAGE_BUILD_FAILED' });
  });

  it('are imported from a root file system, tagged, and removed any number of times', async () => {
    const first = ledger.image(`${uniqueName('kernelet-test/imported')}:1`);
    const second = ledger.image(`${uniqueName('kernelet-test/tagged')}:latest`);
    await engine.importImage(await tar({ 'etc/hello': 'hello' }), first, short());
    await engine.tagImage(first, second.replace(':latest', ''), short());
    await engine.tagImage(first, second, short());
    const image = await engine.inspectImage(first, short());
    expect([...image.references].sort()).toEqual([first, second].sort());
    expect(image.architecture).toBe(process.arch === 'arm64' ? 'arm64' : 'amd64');
    await engine.removeImage(first, { force: false }, short());
    await engine.removeImage(first, { force: false }, short());
    expect((await engine.inspectImage(second, short())).references).toEqual([second]);
    expect(await failureOf(engine.tagImage(first, second, short()))).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('of a registry that cannot be reached are a failed pull with the name of the image', async () => {
    const reference = 'localhost:9/kernelet/none:1';
    const error = await failureOf(engine.pullImage(reference, {}, short()));
    expect(error).toMatchObject({ code: 'IMAGE_PULL_FAILED', message: expect.stringContaining(reference) });
  });
});

describe('events', () => {
  it('begin with connected, tell the life of a container, and end with the signal', async () => {
    const controller = new AbortController();
    const seen: EngineEvent[] = [];
    let connected = (): void => {};
    const ready = new Promise<void>((resolve) => (connected = resolve));
    const purpose = uniqueName('purpose');
    const reading = (async () => {
      for await (const event of engine.events(controller.signal)) {
        if (event.type === 'connected') connected();
        if (event.type === 'connected' || (event.type === 'container' && event.labels['purpose'] === purpose)) {
          seen.push(event);
          if (event.type === 'container' && event.action === 'destroyed') controller.abort();
        }
      }
    })();
    await ready;
    const spec = shellSpec('exit 5', { labels: { purpose } });
    const id = await ledger.run(spec);
    await engine.waitContainer(id, short());
    await engine.removeContainer(id, short());
    await reading;
    expect(seen.map((event) => (event.type === 'container' ? event.action : event.type))).toEqual([
      'connected',
      'created',
      'started',
      'died',
      'destroyed',
    ]);
    expect(seen[3]).toMatchObject({ id, name: spec.name, exitCode: 5 });
  });
});
