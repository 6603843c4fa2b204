/**
 * The system calls that kernels have: an allow-list of our own, so that it is the same with every engine. Pure.
 *
 * It grants what Moby's default profile does (github.com/moby/profiles, seccomp/default.json) on 64-bit machines, without
 * what has been a way out of containers and no program of a kernel needs: sockets of any family and protocol but those named
 * here (AF_VSOCK reaches the hypervisor also without a network; a socket of SCTP has the host load that), listing mounts,
 * local descriptor tables, secret memory.
 * `io_uring_*`, `userfaultfd`, keys and the new calls for mounts are in no list, not even for who has a capability.
 * It covers the machine's own architecture alone: each further one makes the start of a container slower.
 */

/** Without an argument or a capability that matters, by what they are about. */
const allowedCalls = [
  // Files and folders.
  'access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate',
  'fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync flock fstat fstatfs fsync ftruncate futimesat getcwd',
  'getdents getdents64 lchown link linkat lseek lstat mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open',
  'openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat',
  'renameat2 rmdir sendfile splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink',
  'unlinkat utime utimensat utimes vmsplice write writev',
  'fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lremovexattr',
  'lsetxattr removexattr removexattrat setxattr setxattrat',
  // Waiting for them.
  'epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 inotify_add_watch inotify_init',
  'inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit pipe pipe2 poll ppoll',
  'pselect6 select signalfd signalfd4',
  // Memory.
  'brk cachestat madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap mseal',
  'msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages',
  // Processes and threads. Only those of the same user are traced.
  'arch_prctl execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake get_robust_list',
  'get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid gettid ioprio_get ioprio_set',
  'pidfd_open prctl prlimit64 process_vm_readv process_vm_writev ptrace restart_syscall rseq sched_get_priority_max',
  'sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval',
  'sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_thread_area',
  'set_tid_address setpgid setpriority setrlimit setsid sysinfo times uname uretprobe vfork wait4 waitid',
  // Signals.
  'alarm kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend',
  'rt_sigtimedwait rt_tgsigqueueinfo sigaltstack tgkill tkill',
  // Time.
  'adjtimex clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time',
  'timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime',
  // Users, and giving up rights.
  'capget capset getegid geteuid getgid getgroups getresgid getresuid getuid landlock_add_rule landlock_create_ruleset',
  'landlock_restrict_self seccomp setfsgid setfsuid setgid setgroups setregid setresgid setresuid setreuid setuid',
  // Sockets that there are, and messages between processes.
  'accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto',
  'setsockopt shutdown',
  'mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop',
  'semtimedop shmat shmctl shmdt shmget',
  'getrandom',
];

/** Those that a capability of the container brings: the operator gives those (`kernelet.loosen.capabilities`). */
const callsByCapability: Readonly<Record<string, string>> = {
  CAP_SYS_ADMIN: 'clone mount setdomainname sethostname setns umount2 unshare',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  CAP_SYS_TIME: 'clock_settime settimeofday',
  CAP_SYSLOG: 'syslog',
  CAP_PERFMON: 'perf_event_open',
};

function split(names: string): readonly string[] {
  return names.split(' ');
}

/** Families of sockets (`AF_` in <linux/socket.h>). */
const families = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 };
/** Types of sockets, and the bits of the argument that say which; the others are flags (`SOCK_` in <linux/net.h>). */
const types = { stream: 1, datagram: 2, raw: 3, mask: 0xf };
/**
 * Protocols of the internet (`IPPROTO_`), by type; 0 is the usual one of its type. MPTCP is TCP by several ways: programs made
 * with Go 1.24 and later listen by it. Datagrams of ICMP are echoes alone.
 */
const streams = [0, 6, 262];
const datagrams = { inet: [0, 17, 1], inet6: [0, 17, 58] };
/**
 * The kinds of control calls by which file systems of Linux are asked to keep files in another way (`_IOC_TYPE` of <linux/fs.h> and
 * <linux/btrfs.h>; ext4 began the first, XFS the second): the owner of a file could take it out of the project whose
 * quota limits him, and make volumes within the one of his container, which have none. What reads and what copies is allowed:
 * FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FIEMAP, FICLONE, FICLONERANGE, FIDEDUPERANGE.
 */
const fileKinds = [0x66, 0x58, 0x94];
const plainFileCalls = [0x8008_6601, 0x801c_581f, 0xc020_660b, 0x4004_9409, 0x4020_940d, 0xc018_9436];
/** Where the kind of a control call is in its number. */
const kindShift = 8;
/** Linux looks at so many bits of the number, whatever is in the rest of the argument. */
const controlMask = 0xffff_ffff;
/** All flags of clone(2) that make a namespace (`CLONE_NEW*` in <linux/sched.h>). */
const namespaceFlags = 0x7e02_0000;
/** What personality(2) may be asked for: the usual one, 2.6 as the version, addresses in order, both; and to say which. */
const personalities = [0x0, 0x2_0000, 0x8, 0x2_0008, 0xffff_ffff];
/** ENOSYS: the C library then uses clone, whose flags can be looked at. */
const notImplemented = 38;

const architectures: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

const allow = (names: readonly string[], more: object = {}): object => ({ names, action: 'SCMP_ACT_ALLOW', ...more });
const equal = (name: string, value: number, more: object = {}): object =>
  allow([name], { args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }], ...more });

const masked = (index: number, mask: number, value: number): object => ({
  index,
  value: mask,
  valueTwo: value,
  op: 'SCMP_CMP_MASKED_EQ',
});

/** The sockets of one family of the internet. */
function internetSockets(family: 'inet' | 'inet6'): readonly object[] {
  const rule = (type: number, protocol: readonly number[], more: object = {}): object =>
    allow(['socket'], {
      args: [
        { index: 0, value: families[family], op: 'SCMP_CMP_EQ' },
        masked(1, types.mask, type),
        ...protocol.map((value) => ({ index: 2, value, op: 'SCMP_CMP_EQ' })),
      ],
      ...more,
    });
  return [
    ...streams.map((protocol) => rule(types.stream, [protocol])),
    ...datagrams[family].map((protocol) => rule(types.datagram, [protocol])),
    rule(types.raw, [], { includes: { caps: ['CAP_NET_RAW'] } }),
  ];
}

/** The leading bits of bytes, which together are those of all bytes but these. A rule has one comparison for each argument. */
function otherBytes(excluded: readonly number[], bits = 0, value = 0): readonly { mask: number; value: number }[] {
  const mask = (0xff00 >> bits) & 0xff;
  if (!excluded.some((byte) => (byte & mask) === value)) return [{ mask, value }];
  if (bits === 8) return [];
  return [0, 0x80 >> bits].flatMap((next) => otherBytes(excluded, bits + 1, value | next));
}

/** Control calls but those that change how a file system keeps files. */
function controlCalls(): readonly object[] {
  const kinds = otherBytes(fileKinds).map(({ mask, value }) => masked(1, mask << kindShift, value << kindShift));
  const plain = plainFileCalls.map((number) => masked(1, controlMask, number));
  return [...kinds, ...plain].map((rule) => allow(['ioctl'], { args: [rule] }));
}

/**
 * What a jail leaves out, whatever capability brings it: calls by which a process looks into another one or changes it,
 * namespaces and mounts, and those that show more of the machine than a program needs (spec kernel-runner 17.2).
 */
export const jailedCalls: ReadonlySet<string> = new Set(
  [
    'kcmp perf_event_open pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace syslog',
    'chroot clone mount setns umount2 unshare',
  ].flatMap(split),
);

/**
 * The profile in the engine's form, without some of the calls. `architecture`: of this machine, whose kernel it is, whatever
 * the image is made for. Plain `clone`, by which programs start others, is always there.
 */
export function seccompProfile(architecture: NodeJS.Architecture, without: ReadonlySet<string> = new Set()): object {
  const own = architectures[architecture];
  const kept = (names: string): readonly string[] => split(names).filter((name) => !without.has(name));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    // Where none is named, it is the machine's own as well.
    ...(own === undefined ? {} : { architectures: [own] }),
    syscalls: [
      allow(allowedCalls.flatMap(kept)),
      ...[families.unix, families.netlink].map((family) => equal('socket', family)),
      ...internetSockets('inet'),
      ...internetSockets('inet6'),
      equal('socket', families.packet, { includes: { caps: ['CAP_NET_RAW'] } }),
      equal('socketpair', families.unix),
      ...controlCalls(),
      ...personalities.map((personality) => equal('personality', personality)),
      allow(['clone'], { args: [masked(0, namespaceFlags, 0)] }),
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: notImplemented },
      ...Object.entries(callsByCapability).flatMap(([capability, names]) =>
        kept(names).length > 0 ? [allow(kept(names), { includes: { caps: [capability] } })] : [],
      ),
    ],
  };
}
