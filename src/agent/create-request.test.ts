import { describe, expect, it } from 'vitest';
import { hasCode } from '../lib/errors.ts';
import { parseKernelId } from '../lib/ids.ts';
import type { CreateRequest } from './agent.ts';
import { type CreateDefaults, checkRequest, compileSpec, requestedId } from './create-request.ts';

const defaults: CreateDefaults = {
  cpus: 1,
  memoryBytes: 1024 ** 3,
  processes: 512,
  network: 'bridge',
  pull: 'missing',
  homeBytes: null,
  bitsPerSecond: null,
  idleTimeoutMs: null,
  onIdle: 'end',
  user: { uid: 1000, gid: 1000 },
  ociRuntime: null,
  writableRoot: 'on-request',
  homeInMemory: false,
  agentSocket: false,
  socketProxies: [],
};
const slots = new Map([
  ['cuda.device', 'count'],
  ['cuda.device:5g-mig', 'unique'],
  ['cpu', 'count'],
] as const);
const capacity = { cpus: 2, memoryBytes: 8 * 1024 ** 3, slots };
const plain: CreateRequest = {
  environ: {},
  mounts: [],
  publish: [],
  interpreter: 'eager',
};

const refusal = (change: Partial<CreateRequest>): string => {
  try {
    checkRequest({ ...plain, ...change }, defaults, capacity);
  } catch (error) {
    if (hasCode(error, 'INVALID_ARGUMENT', 'INSUFFICIENT_RESOURCES')) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
};

describe('checkRequest', () => {
  it.each([
    [{ cpus: 0 }, /INVALID_ARGUMENT: cpus/],
    [{ cpus: -1 }, /INVALID_ARGUMENT: cpus/],
    [{ cpus: Number.NaN }, /INVALID_ARGUMENT: cpus/],
    [{ cpus: 64 }, /INSUFFICIENT_RESOURCES: cpus: 64 asked for, this machine has 2/],
    [{ memoryBytes: 0 }, /INVALID_ARGUMENT: memory/],
    [{ memoryBytes: 1024 }, /INVALID_ARGUMENT: memory/],
    [{ memoryBytes: 1e30 }, /INSUFFICIENT_RESOURCES: memory: 827181 YiB asked for, this machine has 8 GiB/],
    [{ memoryBytes: 2 ** 30 + 0.5 }, /INVALID_ARGUMENT: memory must be a whole number/],
    [{ memoryBytes: 1024 ** 4 }, /INSUFFICIENT_RESOURCES: memory/],
    [{ processes: 3 }, /INVALID_ARGUMENT: processes/],
    [{ environ: { 'A-B': 'x' } }, /"A-B"/],
    [{ environ: { A: 'x\0y' } }, /NUL/],
    [{ environ: { A: 'x'.repeat(300_000) } }, /bytes/],
    [{ publish: [0] }, /port 0/],
    [{ publish: [80, 80] }, /twice/],
    [{ publish: [80], network: 'none' as const }, /bridge/],
    [{ idleTimeoutMs: 10 }, /idle timeout/],
    [{ ttlMs: 10 }, /time to live/],
    [
      { homeBytes: 2 ** 20 },
      /INVALID_ARGUMENT: the limit of the home must be from 16777216 bytes \(16m\) to \d+ \(15t\)/,
    ],
    [{ homeBytes: 2 ** 44 }, /INVALID_ARGUMENT: the limit of the home must be from/],
    [{ bitsPerSecond: 1000 }, /INVALID_ARGUMENT: the bandwidth must be a rate such as/],
    [{ bitsPerSecond: 1e6, network: 'none' as const }, /no network of its own/],
    [{ bitsPerSecond: 1e6, network: { name: 'host', aliases: [], hosts: [] } }, /no network of its own/],
    [{ accelerators: { 'npu.device': '1' } }, /no accelerator npu.device; it has cuda.device/],
    [{ accelerators: { cpu: '1' } }, /no accelerator cpu;/],
    [{ accelerators: { 'cuda.device': '-1' } }, /cannot be below 0, as -1 is/],
    [{ accelerators: { 'cuda.device:5g-mig': '2' } }, /a kernel can have 1 of the slot cuda.device:5g-mig/],
    [{ accelerators: { 'cuda.device:5g-mig': '0.5' } }, /a kernel can have 1 of the slot cuda.device:5g-mig/],
    [{ accelerators: { 'cuda.device': 'NaN' } }, /"NaN" is not a decimal number/],
    [{ accelerators: { 'cuda.device': 'inf' } }, /cannot be Infinity/],
  ])('refuses %j', (change, expected) => {
    expect(refusal(change)).toMatch(expected);
  });

  it('refuses more mounts than anybody needs', () => {
    const mounts = Array.from({ length: 257 }, (_, index) => ({ source: '/x', target: `/m${index}`, readOnly: true }));
    expect(refusal({ mounts })).toMatch(/257 mounts/);
    expect(refusal({ mounts: mounts.slice(1) })).toBe('accepted');
  });

  it('takes names of variables that shells would not, when that is said, and none that cannot be', () => {
    const odd = { ...plain, environ: { 'my-var.x': '1', ä: '2' } };
    expect(() => checkRequest(odd, defaults, capacity)).toThrow(/my-var/);
    expect(() => checkRequest({ ...odd, takesAnyNames: true }, defaults, capacity)).not.toThrow();
    for (const name of ['', 'a=b', 'a\0']) {
      expect(() =>
        checkRequest({ ...plain, environ: { [name]: 'x' }, takesAnyNames: true }, defaults, capacity),
      ).toThrow();
    }
  });

  it('goes by the configured network where the request is silent', () => {
    const closed = { ...defaults, network: 'none' as const };
    expect(() => checkRequest({ ...plain, publish: [80] }, closed, capacity)).toThrow(/bridge/);
    expect(() => checkRequest({ ...plain, publish: [80], network: 'bridge' }, closed, capacity)).not.toThrow();
  });

  it('accepts a plain request, and a newline in a value', () => {
    expect(refusal({})).toBe('accepted');
    expect(refusal({ environ: { TEXT: 'two\nlines' } })).toBe('accepted');
  });
});

describe('compileSpec', () => {
  it('fills in the defaults and keeps the order of the environment', () => {
    const id = parseKernelId('0f0e0d0c-0b0a-4908-8706-050403020100');
    const chosen = {
      image: {
        reference: 'kernelet/python:latest',
        id: 'sha256:1',
        volumes: [],
        distro: null,
        coreCountVariables: ['NPROC'],
      },
      runtime: { type: 'python', path: null },
      command: ['serve'],
      services: [],
    };
    const request = { ...plain, environ: { B: '2', A: '1' }, memoryBytes: 2 ** 30 };
    const spec = compileSpec(id, request, chosen, defaults, { diskBytes: null, openFiles: 4096 });
    expect(spec).toMatchObject({
      id,
      sessionId: id,
      limits: { cpus: 1, memoryBytes: 2 ** 30, processes: 512, openFiles: 4096 },
      network: 'bridge',
      environ: [
        ['B', '2'],
        ['A', '1'],
      ],
      image: { coreCountVariables: ['NPROC'] },
      hostname: expect.stringMatching(/^(?!0f0e0d0c)[0-9a-f]{12}$/),
    });
  });

  it.each([
    ['never', undefined, true],
    ['never', false, true],
    ['on-request', undefined, true],
    ['on-request', true, false],
    ['always', undefined, false],
    ['always', false, true],
  ] as const)(
    'where root file systems can be written %s, asked for it with %s, one is read-only: %s',
    (writableRoot, asked, readOnlyRoot) => {
      const image = { reference: 'i', id: 'x', volumes: [], distro: null, coreCountVariables: [] };
      const compiled = (more: Partial<CreateRequest>) =>
        compileSpec(
          parseKernelId('0f0e0d0c-0b0a-4908-8706-050403020100'),
          { ...plain, writableRoot: asked, ...more },
          { image, runtime: { type: 'app', path: null }, command: [], services: [] },
          { ...defaults, writableRoot },
          { diskBytes: null, openFiles: null },
        ).readOnlyRoot;
      expect(compiled({})).toBe(readOnlyRoot);
      expect(compiled({ sudo: true })).toBe(false);
    },
  );

  it('refuses a root file system that can be written where the operator gives it to none', () => {
    const strict = { ...defaults, writableRoot: 'never' as const };
    expect(() => checkRequest({ ...plain, writableRoot: true }, strict, capacity)).toThrow(/kernelet\.writable-root/);
    expect(() => checkRequest({ ...plain, writableRoot: false }, strict, capacity)).not.toThrow();
  });

  it("gives models without a command the image's, if it has one", () => {
    const model = { name: 'm', path: '/m', port: 8000, command: null, preStart: '[]', healthCheck: null };
    const image = { reference: 'i', id: 'x', volumes: [], distro: null, coreCountVariables: [] };
    const compiled = (command: readonly string[]) =>
      compileSpec(
        parseKernelId('0f0e0d0c-0b0a-4908-8706-050403020100'),
        { ...plain, models: [model, { ...model, command: ['own'] }] },
        { image, runtime: { type: 'app', path: null }, command, services: [] },
        defaults,
        { diskBytes: null, openFiles: null },
      );
    expect(compiled(['serve']).models.map(({ command }) => command)).toEqual([['serve'], ['own']]);
    expect(() => compiled([])).toThrow(/no command that could serve the model m/);
  });

  it('refuses models and services that its runner would not take', () => {
    const image = { reference: 'i', id: 'x', volumes: [], distro: null, coreCountVariables: [] };
    const compiled = (more: Partial<typeof plain>) =>
      compileSpec(
        parseKernelId('0f0e0d0c-0b0a-4908-8706-050403020100'),
        { ...plain, ...more },
        { image, runtime: { type: 'app', path: null }, command: ['serve'], services: [] },
        defaults,
        { diskBytes: null, openFiles: null },
      );
    const healthCheck = { path: '/', maxRetries: 1, maxWaitMs: 1e10, expectedStatus: 200 };
    const model = { name: 'm', path: '/m', port: 8000, command: null, preStart: '[]', healthCheck };
    expect(() => compiled({ models: [model] })).toThrow(/^the model "m" cannot be: maxWaitMs/);
    const name = 'n'.repeat(300);
    const service = { name, protocol: 'http', containerPorts: [8000], isInference: false } as const;
    expect(() => compiled({ services: [service] })).toThrow(/^the service "n{80}" cannot be: name/);
  });

  it('offers alone what is published of the services of the image and of the runner', () => {
    const web = { name: 'web', protocol: 'http', containerPorts: [8080, 8081], isInference: false };
    const image = { reference: 'i', id: 'x', volumes: [], distro: null, coreCountVariables: [] };
    const compiled = (publish: readonly number[]) =>
      compileSpec(
        parseKernelId('0f0e0d0c-0b0a-4908-8706-050403020100'),
        { ...plain, publish },
        { image, runtime: { type: 'app', path: null }, command: [], services: [web] },
        defaults,
        { diskBytes: null, openFiles: null },
      ).services.map(({ name }) => name);
    expect(compiled([])).toEqual([]);
    expect(compiled([8080])).toEqual([]);
    expect(compiled([8080, 8081, 2200])).toEqual(['sshd', 'web']);
    expect(compiled([7681])).toEqual(['ttyd']);
  });

  it('takes the id of the request in any case, and makes one otherwise', () => {
    expect(requestedId({ ...plain, id: '0F0E0D0C-0b0a-4908-8706-050403020100' })).toBe(
      '0f0e0d0c-0b0a-4908-8706-050403020100',
    );
    expect(requestedId(plain)).toMatch(/^[0-9a-f-]{36}$/);
    expect(() => requestedId({ ...plain, id: '../x' })).toThrow(/UUID/);
  });
});

describe('sockets of the host', () => {
  // @promise kernel-sockets
  it('are those that the operator names, and no others', () => {
    const some = { ...defaults, agentSocket: true, socketProxies: ['/run/a.sock', '/run/b.sock'] };
    const asked = { ...plain, socketProxies: ['/run/b.sock', '/run/b.sock'] };
    expect(() => checkRequest(asked, some, capacity)).not.toThrow();
    const image = { reference: 'a', id: 'sha256:0', volumes: [], distro: null, coreCountVariables: [] };
    const chosen = { image, runtime: { type: 'app', path: null }, services: [], command: [] };
    const operator = { diskBytes: null, openFiles: null };
    expect(compileSpec(requestedId(asked), asked, chosen, some, operator)).toMatchObject({
      agentSocket: true,
      socketProxies: ['/run/b.sock'],
    });
    for (const path of ['/run/../run/a.sock', '/run/c.sock', '/run'])
      expect(() => checkRequest({ ...plain, socketProxies: [path] }, some, capacity)).toThrow(
        /kernelet\.socket-proxies does not name it/,
      );
    const many = Array.from({ length: 17 }, () => '/run/a.sock');
    expect(() => checkRequest({ ...plain, socketProxies: many }, some, capacity)).toThrow(/at most 16/);
  });
});
