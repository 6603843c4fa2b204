"""Each capability by what it guards, tried in earnest where nothing comes of it."""
import ctypes
import errno
import fcntl
import os
import resource
import select
import socket
import struct
import tempfile

from system_calls import call_named, libc

TEXT = ctypes.create_string_buffer
AUDIT_GET, AUDIT_USER = 1000, 1005
PR_CAPBSET_DROP, PR_CAP_AMBIENT = 24, 47
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, IMMUTABLE = 0x80086601, 0x40086602, 0x10
SIOCSIFTXQLEN = 0x8943
F_SETLEASE, F_RDLCK = 1024, 0
ADJ_TICK = 0x4000
EPOLLWAKEUP = 1 << 29
PTRACE_SEIZE = 0x4206
CLOCK_BOOTTIME_ALARM = 9


def own_file():
    handle, path = tempfile.mkstemp(dir="/tmp" if os.access("/tmp", os.W_OK) else ".")
    os.close(handle)
    return path


def unless(refusals, action):
    """Runs it. What is refused by others than these has come past the capability."""
    try:
        action()
    except OSError as error:
        if error.errno in refusals:
            raise
    return True


DENIED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP)


def past(action):
    return lambda: unless(DENIED, action)


def keeps_set_gid():
    """A write takes the bits away from a file of who has no FSETID."""
    path = own_file()
    os.chmod(path, 0o6755)
    with open(path, "wb") as file:
        file.write(b"x")
    return os.stat(path).st_mode & 0o6000 != 0


def immutable():
    with open(own_file()) as file:
        flags = bytearray(8)
        fcntl.ioctl(file, FS_IOC_GETFLAGS, flags)
        fcntl.ioctl(file, FS_IOC_SETFLAGS, struct.pack("l", struct.unpack("l", flags)[0] | IMMUTABLE))
        fcntl.ioctl(file, FS_IOC_SETFLAGS, bytes(flags))


def low_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 19))


def queue_length():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, SIOCSIFTXQLEN, struct.pack("16si12x", b"lo", 1000))


def high_priority():
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 7)


def audit_message(kind):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as one:
        one.settimeout(0.3)
        one.send(struct.pack("IHHII", 17, kind, 5, 1, 0) + b"x")
        answer = one.recv(4096)
        if struct.unpack_from("H", answer, 4)[0] == 2 and struct.unpack_from("i", answer, 16)[0] != 0:
            raise OSError(-struct.unpack_from("i", answer, 16)[0], "audit")


def audit_reading():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as one:
        one.bind((0, 1))


def locked_memory():
    """More than who has no IPC_LOCK may lock."""
    most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if most == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
        most = 65536
    size = most + 4096
    area = ctypes.create_string_buffer(size + 4096)
    if libc.mlock(area, ctypes.c_size_t(size)) != 0:
        raise OSError(ctypes.get_errno(), "mlock")


def raised_limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    except ValueError as error:
        raise PermissionError(errno.EPERM, "setrlimit") from error


def less_likely_killed():
    with open("/proc/self/oom_score_adj") as file:
        least = int(file.read())
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(max(-1000, least - 1)))


def tick(name):
    """Sets the clock's tick to what it is."""
    timex = ctypes.create_string_buffer(256)
    before = (0,) if name == "clock_adjtime" else ()
    call_named(name, *before, timex)
    struct.pack_into("I", timex, 0, ADJ_TICK)
    call_named(name, *before, timex)


def wakes_from_sleep():
    with select.epoll() as one:
        reading, _ = os.pipe()
        one.register(reading, select.EPOLLIN | EPOLLWAKEUP)
        with open(f"/proc/self/fdinfo/{one.fileno()}") as file:
            events = next(line.split()[3] for line in file if line.startswith("tfd"))
        return int(events, 16) & EPOLLWAKEUP != 0


def security_attribute(name, value):
    return lambda: os.setxattr(own_file(), name, value)


def addresses_of_the_system():
    with open("/proc/kallsyms") as file:
        return int(file.readline().split()[0], 16) != 0


def lease():
    with open("/etc/passwd") as file:
        fcntl.fcntl(file, F_SETLEASE, F_RDLCK)


def device_node():
    path = own_file()
    os.unlink(path)
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 1))


def mounted():
    folder = tempfile.mkdtemp()
    call_named("mount", TEXT(b"none"), TEXT(folder.encode()), TEXT(b"tmpfs"), 0, 0)


def handle_opened():
    """With a handle of nothing: who may not fails before it is looked at."""
    call_named("open_by_handle_at", -100, TEXT(struct.pack("Ii8x", 8, 1)), 0)


def opened(path, flags=os.O_RDONLY):
    return lambda: os.close(os.open(path, flags | os.O_NONBLOCK))


def segment_of_nobody():
    """Shared memory whose owner has no right to it."""
    segment = libc.shmget(0, ctypes.c_size_t(4096), 0o1000)
    libc.shmat.restype = ctypes.c_void_p
    attached = libc.shmat(segment, None, 0)
    code = ctypes.get_errno()
    libc.shmctl(segment, 0, None)
    if attached == ctypes.c_void_p(-1).value:
        raise OSError(code, "shmat")


ATTEMPTS = {
    "CHOWN": {"give a file to root": lambda: os.chown(own_file(), 0, 0)},
    "DAC_OVERRIDE": {
        "write to a file of root": opened("/etc/passwd", os.O_WRONLY),
        "make a file in a folder of root": lambda: os.mkdir("/usr/hostile"),
    },
    "DAC_READ_SEARCH": {"read what only root may": opened("/etc/shadow"), "open by handle": past(handle_opened)},
    "FOWNER": {"change the mode of a file of root": lambda: os.chmod("/etc/passwd", 0o644)},
    "FSETID": {"keep the set-id bits over a write": keeps_set_gid},
    "KILL": {"signal a process of root": lambda: os.kill(1, 0)},
    "SETGID": {"become group 0": lambda: os.setgid(0), "take groups": lambda: os.setgroups([0, 4, 42])},
    "SETUID": {"become root": lambda: os.setuid(0), "become somebody else": lambda: os.setuid(12345)},
    "SETPCAP": {"change the bounding set": lambda: prctl(PR_CAPBSET_DROP, 30)},
    "LINUX_IMMUTABLE": {"make a file immutable": immutable},
    "NET_BIND_SERVICE": {"listen on a low port": low_port},
    "NET_ADMIN": {"change an interface": queue_length, "send with priority": high_priority},
    "NET_RAW": {
        "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    },
    "IPC_LOCK": {"lock more memory than the limit": locked_memory},
    "IPC_OWNER": {"attach memory that is nobody’s": segment_of_nobody},
    "SYS_MODULE": {
        "load a module": past(lambda: call_named("init_module", 0, 0, TEXT(b""))),
        "load a module of a file": past(lambda: call_named("finit_module", -1, TEXT(b""), 0)),
        "remove a module": past(lambda: call_named("delete_module", TEXT(b"hostile"), 0)),
    },
    "SYS_RAWIO": {
        "ports of devices": past(lambda: call_named("iopl", 3)),
        "a port of devices": past(lambda: call_named("ioperm", 128, 1, 1)),
        "memory of the machine": opened("/dev/mem"),
        "memory of the system": opened("/proc/kcore"),
    },
    "SYS_CHROOT": {"change the root": past(lambda: call_named("chroot", TEXT(b"/")))},
    "SYS_PTRACE": {
        "trace the first process": past(lambda: call_named("ptrace", PTRACE_SEIZE, 1, 0, 0)),
        "read its memory": opened("/proc/1/mem"),
        "read its environment": lambda: open("/proc/1/environ", "rb").read(1),
        "take its descriptors": past(lambda: call_named("pidfd_getfd", os.pidfd_open(1), 0, 0)),
        "compare processes": past(lambda: call_named("kcmp", 1, 1, 0, 0, 0)),
    },
    "SYS_PACCT": {"accounting of processes": past(lambda: call_named("acct", 0))},
    "SYS_ADMIN": {
        "mount": past(mounted),
        "unmount": past(lambda: call_named("umount2", TEXT(b"/usr"), 0)),
        "change the root mount": past(lambda: call_named("pivot_root", TEXT(b"."), TEXT(b"."))),
        "open a file system": past(lambda: call_named("fsopen", TEXT(b"tmpfs"), 0)),
        "clone a tree of mounts": past(lambda: call_named("open_tree", -100, TEXT(b"/"), 1)),
        "list mounts": past(lambda: call_named("listmount", 0, 0, 0, 0)),
        "name the host": past(lambda: call_named("sethostname", TEXT(b"x"), 1)),
        "name the domain": past(lambda: call_named("setdomainname", TEXT(b"x"), 1)),
        "swap": past(lambda: call_named("swapon", TEXT(b"/nonexistent"), 0)),
        "quotas": past(lambda: call_named("quotactl", 0x80000200, TEXT(b"/dev/null"), 0, 0)),
        "watch file systems": past(lambda: call_named("fanotify_init", 0, 0)),
        "where new programs dump their core": opened("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    },
    "SYS_BOOT": {
        "restart the machine": past(lambda: call_named("reboot", 0, 0, 0, 0)),
        "load another system": past(lambda: call_named("kexec_load", 0, 0, 0, 0xFFFF)),
    },
    "SYS_NICE": {
        "more priority": lambda: os.nice(-5),
        "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "move the first process": lambda: os.sched_setaffinity(1, os.sched_getaffinity(0)),
        "memory policies": past(lambda: call_named("set_mempolicy", 0, 0, 0)),
    },
    "SYS_RESOURCE": {"raise a hard limit": raised_limit, "be killed later for memory": less_likely_killed},
    "SYS_TIME": {
        "change the clock": past(lambda: tick("adjtimex")),
        "change a clock": past(lambda: tick("clock_adjtime")),
    },
    "SYS_TTY_CONFIG": {"hang up": past(lambda: call_named("vhangup"))},
    "MKNOD": {"a node of a device": device_node},
    "LEASE": {"a lease on a file of root": lease},
    "AUDIT_WRITE": {"write to the audit log": lambda: audit_message(AUDIT_USER)},
    "AUDIT_CONTROL": {"ask for the settings of the audit log": lambda: audit_message(AUDIT_GET)},
    "AUDIT_READ": {"read the audit log": audit_reading},
    "SETFCAP": {
        "capabilities of a file": security_attribute("security.capability", struct.pack("<5I", 0x2000001, 1, 0, 0, 0))
    },
    "MAC_ADMIN": {"labels of a security module": past(security_attribute("security.SMACK64", b"x"))},
    "SYSLOG": {
        "read the system's log": past(lambda: call_named("syslog", 10, 0, 0)),
        "open the system's log": opened("/dev/kmsg"),
        "addresses of the system": addresses_of_the_system,
    },
    "WAKE_ALARM": {"wake the machine": past(lambda: call_named("timerfd_create", CLOCK_BOOTTIME_ALARM, 0))},
    "BLOCK_SUSPEND": {"keep the machine awake": wakes_from_sleep},
    "PERFMON": {
        "measure the machine": past(
            lambda: call_named("perf_event_open", TEXT(struct.pack("IIQ104x", 1, 120, 0)), -1, 0, -1, 0)
        )
    },
    "BPF": {"programs in the system": past(lambda: call_named("bpf", 0, TEXT(72), 72))},
    "CHECKPOINT_RESTORE": {"choose the next process id": opened("/proc/sys/kernel/ns_last_pid", os.O_WRONLY)},
}


def prctl(option, value):
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def probe(report):
    for capability, attempts in ATTEMPTS.items():
        for what, action in attempts.items():
            report.attempt("capability", f"{capability}: {what}", action)
    with open("/proc/self/status") as file:
        masks = {key: value.strip() for key, value in (line.split(":", 1) for line in file)}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        report.note("capability-set", f"{kind} {masks[kind]}", int(masks[kind], 16) != 0)
    report.note("capability-set", f"CapBnd {masks['CapBnd']}", int(masks["CapBnd"], 16) != 0)
    report.note("privileges", "new ones can be had", masks["NoNewPrivs"] != "1")
    report.note("privileges", "no filter of system calls", masks["Seccomp"] != "2")
