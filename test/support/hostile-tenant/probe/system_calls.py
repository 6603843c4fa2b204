"""Every system call by its number, with arguments that nothing can be done with."""
import ctypes
import errno
import mmap
import os
import platform

from report import outcome

libc = ctypes.CDLL(None, use_errno=True)
resolver = ctypes.CDLL("libseccomp.so.2")
resolver.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
resolver.seccomp_syscall_resolve_num_arch.argtypes = [ctypes.c_uint32, ctypes.c_int]
resolver.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p

# Calls that are younger than the library of names, which are numbered alike on all machines.
YOUNGER = dict(enumerate("""set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait
futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat
listxattrat removexattrat open_tree_attr file_getattr file_setattr""".split(), 450))

# Of this processor alone, and no call that a program could make: the system puts them into traced programs.
OF_PROBES = {335: "uretprobe", 336: "uprobe"} if platform.machine() == "x86_64" else {}

# Where a filter looks at the arguments, those that it is said to let through. socket and clone have probes of their own.
ARGUMENTS = {
    "personality": (0xFFFFFFFF,),
    "clone": (17, 0, 0, 0, 0),
    "socket": (1, 1, 0),
    "socketpair": (1, 1, 0, ctypes.create_string_buffer(8)),
}
LAST = 511
X32 = 0x40000000


def call(number, *arguments):
    """Makes a system call. Raises the OSError."""
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *words)
    if result == -1 and ctypes.get_errno() != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def number_of(name):
    """Of this machine. Raises an OSError for a call that it does not have."""
    young = [number for number, known in YOUNGER.items() if known == name]
    number = young[0] if young else resolver.seccomp_syscall_resolve_name(name.encode())
    if number < 0:
        raise OSError(errno.ENOSYS, name)
    return number


def call_named(name, *arguments):
    return call(number_of(name), *arguments)


def name_of(number):
    found = resolver.seccomp_syscall_resolve_num_arch(0, number)
    return found.decode() if found else {**OF_PROBES, **YOUNGER}.get(number, str(number))


def plainly(number, arguments):
    parent = os.getpid()
    try:
        call(number, *arguments)
    finally:
        if os.getpid() != parent:
            os._exit(0)


def legacy_call():
    """getpid of 32-bit programs: mov eax, 20; int 0x80; ret."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0


def probe(report):
    for number in range(LAST + 1):
        name = name_of(number)
        found = outcome(plainly, number, ARGUMENTS.get(name, (-1,) * 6))
        report.note("system-call", name, found not in ("EPERM", "ENOSYS", "SIGSYS"))
    if platform.machine() == "x86_64":
        report.attempt("calls-of", "32-bit programs", legacy_call)
        report.attempt("calls-of", "x32 programs", lambda: call(X32 + 39))
