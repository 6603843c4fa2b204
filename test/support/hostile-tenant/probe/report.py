"""What was tried, and what of it was open. Each attempt runs in a process of its own, which may die or hang of it."""
import errno
import os
import select
import signal
import struct

PATIENCE_SECONDS = 0.5


class Report:
    def __init__(self):
        self.tried = {}
        self.open = set()

    def note(self, kind, subject, is_open):
        """An attempt whose outcome is known."""
        self.tried[kind] = self.tried.get(kind, 0) + 1
        if is_open:
            self.open.add(f"{kind} {subject}")

    def attempt(self, kind, subject, action, *arguments):
        """Open when the action returns anything but False; closed when it raises an OSError or dies of SIGSYS."""
        self.note(kind, subject, not isinstance(outcome(action, *arguments), str))


def outcome(action, *arguments):
    """Runs it in a child: True when it succeeded, was killed or hangs; else the name of its errno, or SIGSYS."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            # What dies of it says so.
            os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
            code = 0
            try:
                if action(*arguments) is False:
                    code = errno.EPERM
            except OSError as error:
                code = error.errno or errno.EPERM
            os.write(writing, struct.pack("i", code))
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], PATIENCE_SECONDS)
    said = os.read(reading, 4) if ready else b""
    os.close(reading)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
        return "SIGSYS"
    if len(said) < 4:
        return True
    code = struct.unpack("i", said)[0]
    return True if code == 0 else errno.errorcode.get(code, str(code))
