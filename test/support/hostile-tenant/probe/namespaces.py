"""Namespaces: those that can be made, entered or seen, and those that are the host's own."""
import ctypes
import os
import struct

from system_calls import call, call_named, number_of

FLAGS = {
    "mnt": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "time": 0x80,
}
SIGCHLD = 17
# Inodes that the first namespaces of a machine have (linux/nsfs.h); that of net is given out at the start of older ones.
FIRST = range(0xEFFFFFF0, 0xF0000000)


def cloned(flags):
    if call(number_of("clone"), flags | SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)


def cloned_anew(flags):
    arguments = ctypes.create_string_buffer(struct.pack("11Q", flags, 0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0, 0))
    if call(number_of("clone3"), arguments, 88) == 0:
        os._exit(0)


def entered(process, name):
    handle = os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY)
    call_named("setns", handle, FLAGS[name])


def probe(report):
    for name, flag in FLAGS.items():
        report.attempt("namespace", f"unshare {name}", lambda: call_named("unshare", flag))
        report.attempt("namespace", f"unshare {name} with user", lambda: call_named("unshare", flag | FLAGS["user"]))
        report.attempt("namespace", f"clone3 {name}", cloned_anew, flag)
        if name != "time":
            # The bit of time is one of the signal there.
            report.attempt("namespace", f"clone {name}", cloned, flag)
            report.attempt("namespace", f"clone {name} with user", cloned, flag | FLAGS["user"])
        for process in ("self", "1"):
            report.attempt("namespace", f"setns {name} of {process}", entered, process, name)
        report.attempt("namespace", f"setns {name} by pidfd", lambda: call_named("setns", os.pidfd_open(1), flag))
        report.attempt("namespace", f"see {name} of the first process", lambda: os.readlink(f"/proc/1/ns/{name}"))
        inode = os.stat(f"/proc/self/ns/{name}").st_ino
        report.note("namespace", f"{name} is the host's", inode in FIRST)
