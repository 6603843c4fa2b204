import { beforeEach, describe, expect, it } from 'vitest';
import { jailedCalls, seccompProfile } from './seccomp-profile.ts';

/** The fields of a profile that are asked for here. */
interface Profile {
  readonly defaultAction: string;
  readonly architectures?: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo?: number;
      readonly op: string;
    }[];
    readonly includes?: { readonly caps: readonly string[] };
  }[];
}

// Made anew for each test, so that none depends on what was made while the file was loaded.
let profile: Profile;
let jail: Profile;
beforeEach(() => {
  profile = seccompProfile('x64') as Profile;
  jail = seccompProfile('x64', jailedCalls) as Profile;
});
const rulesOf = (name: string) => profile.syscalls.filter(({ names }) => names.includes(name));

describe('the profile of system calls', () => {
  // @promise system-calls
  it('refuses what it does not name, on the architecture of the machine alone', () => {
    expect(profile).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64'] });
    expect(seccompProfile('arm64')).toMatchObject({ architectures: ['SCMP_ARCH_AARCH64'] });
    expect(seccompProfile('s390x')).not.toHaveProperty('architectures');
  });

  it('names each call once, so that no rule says something else than another', () => {
    const plain = profile.syscalls.flatMap(({ names, args, includes }) => (args || includes ? [] : names));
    expect(plain).toEqual([...new Set(plain)]);
    expect(plain.every((name) => /^[a-z0-9_]+$/.test(name))).toBe(true);
    for (const { names } of profile.syscalls.filter(({ args }) => args))
      expect(names.filter((name) => plain.includes(name))).toEqual([]);
  });

  it.each(
    [
      'io_uring_setup io_uring_enter io_uring_register userfaultfd keyctl add_key request_key fsopen fsconfig fsmount fspick',
    ]
      .concat('open_tree move_mount mount_setattr bpf open_by_handle_at kexec_load init_module finit_module socketcall')
      .flatMap((names) => names.split(' ')),
  )('has %s for nobody', (name) => {
    expect(rulesOf(name)).toEqual([]);
  });

  it('has sockets of five families, one of which needs a capability', () => {
    const families = (wanted: boolean) =>
      new Set(
        rulesOf('socket').flatMap(({ args, includes }) => (Boolean(includes) === wanted ? args?.[0]?.value : [])),
      );
    expect([...families(false)]).toEqual([1, 16, 2, 10]);
    // Raw ones of the internet.
    expect([...families(true)]).toEqual([2, 10, 17]);
  });

  it('has of the internet TCP, MPTCP, UDP and echoes', () => {
    const allowed = rulesOf('socket').flatMap(({ args, includes }) =>
      includes === undefined && args?.length === 3 ? [args.map(({ value, valueTwo }) => valueTwo ?? value)] : [],
    );
    expect(allowed).toEqual([
      [2, 1, 0],
      [2, 1, 6],
      [2, 1, 262],
      [2, 2, 0],
      [2, 2, 17],
      [2, 2, 1],
      [10, 1, 0],
      [10, 1, 6],
      [10, 1, 262],
      [10, 2, 0],
      [10, 2, 17],
      [10, 2, 58],
    ]);
  });

  it('compares each argument in one of two ways: as it is, or under a mask where it has a second value', () => {
    const compared = profile.syscalls.flatMap(({ args = [] }) => args);
    expect(compared.length).toBeGreaterThan(0);
    for (const { op, valueTwo } of compared)
      expect(op).toBe(valueTwo === undefined ? 'SCMP_CMP_EQ' : 'SCMP_CMP_MASKED_EQ');
  });

  it('has raw sockets, packets and what else needs a right only with the capability for it', () => {
    const withCapability = profile.syscalls.flatMap(({ names, args = [], includes }) =>
      includes ? [[includes.caps, names.join(' '), ...args.map(({ value, valueTwo }) => valueTwo ?? value)]] : [],
    );
    expect(withCapability).toEqual([
      [['CAP_NET_RAW'], 'socket', 2, 3],
      [['CAP_NET_RAW'], 'socket', 10, 3],
      [['CAP_NET_RAW'], 'socket', 17],
      [['CAP_SYS_ADMIN'], 'clone mount setdomainname sethostname setns umount2 unshare'],
      [['CAP_SYS_CHROOT'], 'chroot'],
      [['CAP_SYS_NICE'], 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node'],
      [['CAP_SYS_PTRACE'], 'kcmp pidfd_getfd process_madvise'],
      [['CAP_SYS_TIME'], 'clock_settime settimeofday'],
      [['CAP_SYSLOG'], 'syslog'],
      [['CAP_PERFMON'], 'perf_event_open'],
    ]);
  });

  it('allows all that it names but clone3, of which programs hear that there is none', () => {
    const refused = profile.syscalls.filter(({ action }) => action !== 'SCMP_ACT_ALLOW');
    expect(refused).toEqual([{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });

  it('has pairs of sockets within the kernel alone, and no personality but those of ordinary programs', () => {
    const first = (name: string) => rulesOf(name).map(({ args }) => args?.map(({ index, value }) => [index, value]));
    expect(first('socketpair')).toEqual([[[0, 1]]]);
    expect(first('personality')).toEqual([0, 0x2_0000, 8, 0x2_0008, 0xffff_ffff].map((value) => [[0, value]]));
  });

  it('has all control calls but those that change how a file system keeps files', () => {
    const isAllowed = (number: bigint) =>
      rulesOf('ioctl').some(({ args }) =>
        (args ?? []).every(({ value, valueTwo }) => (number & BigInt(value)) === BigInt(valueTwo ?? -1)),
      );
    for (let kind = 0n; kind < 256n; kind += 1n)
      expect([kind, isAllowed((kind << 8n) | 0x4008_0002n)]).toEqual([kind, ![0x66n, 0x58n, 0x94n].includes(kind)]);
    for (const plain of [0x8008_6601n, 0x801c_581fn, 0xc020_660bn, 0x4004_9409n, 0x4020_940dn, 0xc018_9436n])
      expect(isAllowed(plain)).toBe(true);
    // FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR and BTRFS_IOC_SUBVOL_CREATE, also with bits that Linux does not look at.
    for (const changing of [0x4008_6602n, 0x401c_5820n, 0x5000_940en])
      for (const more of [0n, 1n << 32n, 1n << 63n]) expect(isAllowed(changing | more)).toBe(false);
  });

  it('has mounts, namespaces and the root folder only with a capability', () => {
    for (const name of ['mount', 'umount2', 'setns', 'unshare', 'chroot'])
      expect(rulesOf(name).every(({ includes }) => includes !== undefined)).toBe(true);
    expect(rulesOf('clone3')).toMatchObject([{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });
});

describe('the profile of a jail', () => {
  // @promise jail
  it('is the other one without calls into other processes, mounts and namespaces, which no capability brings back', () => {
    const named = ({ syscalls }: Profile) => new Set(syscalls.flatMap(({ names }) => names));
    const gone = [...named(profile)].filter((name) => !named(jail).has(name));
    expect(new Set([...gone, 'clone'])).toEqual(jailedCalls);
    expect([...named(jail)].filter((name) => !named(profile).has(name))).toEqual([]);
    expect(jail.syscalls.every(({ names }) => names.length > 0)).toBe(true);
  });

  it('has a plain clone, and none that makes a namespace', () => {
    const clones = jail.syscalls.filter(({ names }) => names.includes('clone'));
    expect(clones).toMatchObject([{ names: ['clone'], args: [{ index: 0, value: 0x7e02_0000, valueTwo: 0 }] }]);
  });
});
