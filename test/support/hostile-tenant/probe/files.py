"""
Files: what of /proc and /sys is read and written, device nodes, mounts, set-id programs, sockets, what is writable, and how
it is kept.
"""
import fcntl
import os
import re
import select
import socket
import stat
import subprocess


def is_read(path):
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return False
    try:
        os.read(handle, 64)
        return True
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def is_written(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
        return True
    except OSError:
        return False


def is_device(path):
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def below(root):
    """Files below a folder. Links are not followed, and of processes only those that are asked for are looked at."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not is_left_out(folder, name)]
        yield from (path for path in (f"{folder}/{name}" for name in files) if not os.path.islink(path))


def is_left_out(folder, name):
    """What changes from one look to the next: other processes, threads, descriptors."""
    if folder == "/proc":
        return name.isdigit()
    if folder == "/proc/1" and name == "net":
        # The same as these processes' own.
        return True
    return name in ("task", "fd", "fdinfo", "map_files") and os.path.dirname(folder) == "/proc"


def kernel_files(report, roots):
    own = f"/proc/{os.getpid()}"
    for root in ("/proc", own, "/proc/1", *roots):
        for path in below(root):
            # A device in the place of a file is how engines hide it.
            if is_device(path):
                continue
            subject = re.sub(rf"^{own}/", "/proc/self/", path)
            report.note("read", subject, is_read(path))
            report.note("write", subject, is_written(path))
    for name in ("exe", "cwd", "root"):
        report.attempt("follow", f"/proc/1/{name}", os.stat, f"/proc/1/{name}")
    for name in ("fd", "map_files", "task/1/fd"):
        report.attempt("list", f"/proc/1/{name}", os.listdir, f"/proc/1/{name}")


def devices(report):
    for folder, _, files in os.walk("/dev"):
        for path in (f"{folder}/{name}" for name in files):
            if is_device(path):
                subject = re.sub(r"/\d+$", "/N", path)
                report.note("device-read", subject, is_read(path))
                report.note("device-write", subject, is_written(path))


def mounts(report):
    with open("/proc/self/mountinfo") as file:
        lines = [line.split() for line in file]
    for fields in lines:
        target, options = fields[4], fields[5].split(",")
        if target.startswith(("/proc/", "/sys/")) and is_device(target):
            continue
        if "ro" in options:
            report.note("mount-read-only", target, not target.startswith(("/proc/", "/sys/")))
        else:
            report.note("mount-writable", target, True)
            report.note("mount-set-id", target, "nosuid" not in options)
            report.note("mount-devices", target, "nodev" not in options)


def becomes_another(program):
    """The loader shows its ids to a program that gets no others by its file, and to no other."""
    variables = {"LD_SHOW_AUXV": "1"}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([program, "--version"], env=variables, **streams) as one:
        shown = b""
        # It comes first, and at once; some of these programs then sleep.
        while b"AT_EGID" not in shown and select.select([one.stdout], [], [], 1)[0]:
            more = os.read(one.stdout.fileno(), 4096)
            if not more:
                break
            shown += more
        one.kill()
    return re.search(rb"AT_EUID: +%d\n.*AT_EGID: +%d\b" % (os.getuid(), os.getgid()), shown, re.DOTALL) is None


def tree(report):
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "dev")]
        writable = [name for name in folders if os.access(f"{folder}/{name}", os.W_OK)]
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISLNK(mode):
                continue
            report.note("writable", path, os.access(path, os.W_OK))
            if stat.S_ISREG(mode) and mode & 0o6000 and os.access(path, os.X_OK):
                report.note("set-id", path, becomes_another(path))
            if stat.S_ISSOCK(mode):
                report.attempt("socket-file", path, connected, path)
        folders[:] = [name for name in folders if name not in writable]
    for path in ("/dev", "/dev/shm", "/dev/mqueue", "/dev/pts"):
        report.note("writable", path, os.access(path, os.W_OK))


def keep_as_it_is(folder):
    """Asks for nothing else than there is: by the same call an owner takes a file out of the project whose quota limits him."""
    get_flags, set_flags = 0x80086601, 0x40086602
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(handle, get_flags, flags)
        fcntl.ioctl(handle, set_flags, flags)
    finally:
        os.close(handle)


def connected(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)


def probe(report, whole):
    kernel_files(report, ["/sys"] if whole else [])
    devices(report)
    mounts(report)
    for folder in ("/", "/dev/shm", "/home/work"):
        report.attempt("keep", folder, keep_as_it_is, folder)
    if whole:
        tree(report)
    report.attempt("list", "the runner's folder", os.listdir, "/opt/kernel/run")
    report.attempt("socket-file", "of the runner", connected, "/opt/kernel/run/runner.sock")
