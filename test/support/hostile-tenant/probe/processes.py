"""Limits of a process, and what can be done to those of others."""
import os
import resource
import signal

from system_calls import call_named

PTRACE_SEIZE = 0x4206
MOST_FILES = 1048576


def limits(report):
    for name in sorted(name for name in vars(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"):
        hard = resource.getrlimit(getattr(resource, name))[1]
        kind = name.removeprefix("RLIMIT_").lower()
        report.note("no-limit", kind, hard == resource.RLIM_INFINITY)
        if kind in ("core", "rtprio", "nice"):
            report.note("limit-above-zero", kind, hard != 0)
        if kind == "nofile":
            report.note("limit-above", f"{kind} {MOST_FILES}", not 0 < hard <= MOST_FILES)


def others():
    """Processes of other users that can be seen."""
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid != os.getuid():
                yield int(name)
        except OSError:
            continue


def traced(process):
    call_named("ptrace", PTRACE_SEIZE, process, 0, 0)


def probe(report):
    limits(report)
    found = {process: f"process {process if process == 1 else 'of another user'}" for process in others()}
    for process, name in found.items():
        report.attempt("signal", name, os.kill, process, signal.Signals(18))
        report.attempt("trace", name, traced, process)
        report.attempt("memory", name, lambda: os.close(os.open(f"/proc/{process}/mem", os.O_RDWR)))
        report.attempt("environment", name, lambda: open(f"/proc/{process}/environ", "rb").read(1))
        report.attempt("descriptors", name, os.listdir, f"/proc/{process}/fd")
        report.attempt("priority", name, os.setpriority, os.PRIO_PROCESS, process, 19)
        report.attempt("affinity", name, os.sched_setaffinity, process, os.sched_getaffinity(0))
        report.attempt("limits", name, resource.prlimit, process, resource.RLIMIT_CORE, (0, 0))
    report.note("seen", "no process of another user", not found)
