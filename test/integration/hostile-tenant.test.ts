/**
 * A hostile tenant in a real kernel: whatever it may think of is tried, and what of it is open has to stand in the
 * allow-list, with its reason. A new engine or Linux kernel that opens something fails here, with the line.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertAllowed } from '../support/hostile-tenant/allow-list.ts';
import { type HostServices, hostServices, probeContainer, probeKernel } from '../support/hostile-tenant/probe.ts';
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
  it.each([
    ['bridge', 'whole', ['--network', 'bridge']],
    ['none', 'without files', ['--network', 'none']],
    ['published', 'without files', ['--network', 'bridge', '--publish', '8000']],
  ] as const)('finds nothing open but what is allowed (%s)', async (kind, extent, options) => {
    const id = await node.create('--image', 'kernelet/python', ...options);
    const { tried, open } = await probeKernel(node, id, { services, extent });
    assertAllowed(open, kind);
    expect(tried).toMatchObject(extent === 'whole' ? { ...leastTried, ...leastFiles } : leastTried);
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
  read: atLeast(500),
  write: atLeast(500),
  signal: atLeast(1),
  reach: atLeast(2),
};
const leastFiles = { read: atLeast(1000), write: atLeast(1000), 'set-id': atLeast(3), writable: atLeast(1000) };

/** Capabilities in the order of their numbers (capability.h). */
const capabilityNames = [
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE',
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN',
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE',
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE',
].flatMap((names) => names.split(' '));

/** Those whose bits a mask lacks. */
function withoutBits(mask: RegExpExecArray | null): readonly string[] {
  const bits = BigInt(`0x${mask?.[1]}`);
  return capabilityNames.filter((_, number) => ((bits >> BigInt(number)) & 1n) === 0n);
}

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
  it('sees what is open, in a container that is', async () => {
    // An engine that lacks one itself gives none to those that are to have all.
    const lacking = withoutBits(/CapBnd:\s*(\w+)/.exec(await readFile('/proc/self/status', 'utf8')));
    const options = [
      '--cap-add=ALL',
      ...lacking.map((name) => `--cap-drop=${name}`),
      ...['seccomp', 'apparmor', 'systempaths'].map((one) => `--security-opt=${one}=unconfined`),
    ];
    const { open } = await probeContainer(options, services);
    const missing = withoutBits(/^capability-set CapBnd (\w+)$/m.exec(open.join('\n')));
    const given = capabilityNames.filter((name) => !missing.includes(name));
    expect(given.length).toBeGreaterThan(30);
    const seen = new Set(open.flatMap((line) => /^capability (\w+):/.exec(line)?.slice(1) ?? []));
    expect(given.filter((name) => !notShown.includes(name) && !seen.has(name))).toEqual([]);
    expect(openThere.filter((line) => !open.includes(line))).toEqual([]);
  });
});

/** One line or more of each kind. */
const openThere = [
  'system-call mount',
  'namespace unshare mnt',
  'namespace clone user',
  'socket-family AF_VSOCK',
  'socket AF_INET RAW protocol 1',
  'reach the host tcp service',
  'reach the gateway udp service',
  'list /proc/1/fd',
  'write /proc/sys/kernel/core_pattern',
  'privileges new ones can be had',
];
