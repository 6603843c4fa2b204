/**
 * A hostile tenant in a real kernel: whatever it may think of is tried, and what of it is open has to stand in the
 * allow-list, with its reason. A new engine or Linux kernel that opens something fails here, with the line.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilityNames, missingFrom } from '../support/capabilities.ts';
import { assertAllowed } from '../support/hostile-tenant/allow-list.ts';
import {
  type HostServices,
  hostServices,
  leastReached,
  probeContainer,
  probeKernel,
} from '../support/hostile-tenant/probe.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
let services: HostServices;
beforeAll(async () => {
  services = await hostServices();
  node = await NodeUnderTest.started();
}, 120_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await services?.[Symbol.asyncDispose]();
}, 60_000);

describe('a hostile tenant', () => {
  // @promise nothing-of-the-machine
  it.each([
    ['bridge', 'whole', ['--network', 'bridge']],
    ['none', 'without files', ['--network', 'none']],
    ['published', 'without files', ['--network', 'bridge', '--publish', '8000']],
  ] as const)('finds nothing open but what is allowed (%s)', async (kind, extent, options) => {
    const id = await node.create('--image', 'kernelet/python', ...options);
    const { tried, open } = await probeKernel(node, id, { services, extent });
    assertAllowed(open, kind);
    const least = { ...leastTried, reach: atLeast(leastReached(services)) };
    expect(tried).toMatchObject(extent === 'whole' ? { ...least, ...leastFiles } : least);
  });
});

/** So many attempts at least, so that nothing is left out unseen. */
const atLeast = (least: number) => expect.toSatisfy((count: number) => count >= least);
const leastTried = {
  'system-call': 512,
  capability: atLeast(60),
  namespace: atLeast(70),
  'socket-family': 46,
  socket: atLeast(2500),
  'socket-protocol': atLeast(2000),
  read: atLeast(500),
  write: atLeast(500),
  signal: atLeast(1),
};
const leastFiles = { read: atLeast(1000), write: atLeast(1000), 'set-id': atLeast(3), writable: atLeast(1000) };

/** What Linux asks nobody for, or not every Linux: of modules, ports of devices, sleep, audit or a security module. */
const notShown = [
  'NET_BROADCAST',
  'SYS_MODULE',
  'SYS_RAWIO',
  'AUDIT_CONTROL',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'BLOCK_SUSPEND',
];

describe('the program that tries', () => {
  // @promise nothing-of-the-machine
  it('sees what is open, in a container that is', async () => {
    // An engine that lacks one itself gives none to those that are to have all.
    const lacking = missingFrom(maskIn(/CapBnd:\s*(\w+)/, await readFile('/proc/self/status', 'utf8')));
    const options = [
      '--cap-add=ALL',
      ...lacking.map((name) => `--cap-drop=${name}`),
      ...['seccomp', 'apparmor', 'systempaths'].map((one) => `--security-opt=${one}=unconfined`),
    ];
    const { open } = await probeContainer(options, services);
    const missing = missingFrom(maskIn(/^capability-set CapBnd (\w+)$/m, open.join('\n')));
    const given = capabilityNames.filter((name) => !missing.includes(name));
    expect(given.length).toBeGreaterThan(30);
    const seen = new Set(open.flatMap((line) => /^capability (\w+):/.exec(line)?.slice(1) ?? []));
    expect(given.filter((name) => !notShown.includes(name) && !seen.has(name))).toEqual([]);
    expect(openThere.filter((line) => !open.includes(line))).toEqual([]);
  });
});

function maskIn(pattern: RegExp, text: string): string {
  const mask = pattern.exec(text)?.[1];
  if (mask === undefined) throw new Error(`there is no ${pattern} in ${text}`);
  return mask;
}

/** One line or more of each kind. */
const openThere = [
  'system-call mount',
  'namespace unshare mnt',
  'namespace clone user',
  'socket-family AF_VSOCK',
  'socket AF_INET RAW protocol 1',
  'socket-protocol AF_INET STREAM protocol 132',
  'reach the host tcp service',
  'reach the gateway udp service',
  'list /proc/1/fd',
  'keep /',
  'write /proc/sys/kernel/core_pattern',
  'privileges new ones can be had',
];
