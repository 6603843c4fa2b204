"""What passes between the driver and the runner on descriptor 3, and what interrupts may and may not cut in two."""
import _signal
import _thread
import os
import sys

try:
    from _json import encode_basestring_ascii as quote, make_scanner

    class _Scan:
        strict, object_hook, object_pairs_hook, array_hook = False, None, None, None
        parse_float, parse_int, parse_constant, memo = float, int, float, {}

    _scan_once = make_scanner(_Scan)

    def decode(text):
        return _scan_once(text, 0)[0]

except Exception:  # another Python than CPython, or one whose inner parts have changed
    from json import dumps as quote, loads as decode


# Characters of a value that fit into one event of a run, if they are ASCII (`maxDisplayBytes` of the protocol).
LARGEST = 960 * 1024


class Interrupts:
    """SIGINT raises KeyboardInterrupt in user code, later while the channel is being used, and never between queries.

    `with interrupts:` keeps what must not be torn, such as a line of the protocol, in one piece.
    """

    def __init__(self):
        self.running = False
        self.seen = 0
        self._shields = 0
        self._pending = False
        self.thread = _thread.get_ident()
        _signal.signal(_signal.SIGINT, self._handle)

    def _handle(self, _number, _frame):
        if not self.running:
            return
        self.seen += 1
        if self._shields:
            self._pending = True
        else:
            raise KeyboardInterrupt

    def begin(self):
        self._pending = False
        self.running = True

    def end(self):
        self.running = False

    def __enter__(self):
        if _thread.get_ident() == self.thread:
            self._shields += 1

    def __exit__(self, *_error):
        if _thread.get_ident() == self.thread:
            self._shields -= 1
            if self._pending and self.running and not self._shields:
                self._pending = False
                raise KeyboardInterrupt


class Channel:
    """JSON lines to and from the runner. Only the process that made it speaks: a forked child keeps silent."""

    def __init__(self, descriptor, interrupts):
        self._descriptor = out_of_the_way(descriptor, 250)
        os.close(descriptor)
        self._output = {1: out_of_the_way(1, 251), 2: out_of_the_way(2, 252)}
        self._spare = out_of_the_way(self._descriptor, 253)
        self._interrupts = interrupts
        self._buffer = bytearray()
        self._searched = 0
        self._lock = _thread.allocate_lock()
        self._owner = os.getpid()

    def is_ours(self):
        return os.getpid() == self._owner

    def reopen_output(self):
        """User code may have closed the standard descriptors or streams; later queries find them again."""
        for standard, kept in self._output.items():
            try:
                os.fstat(standard)
            except OSError:
                try:
                    os.dup2(kept, standard)
                except OSError:  # it is closed too
                    continue
            name = "stdout" if standard == 1 else "stderr"
            if getattr(getattr(sys, name, None), "closed", False):
                stream = open(standard, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
                setattr(sys, name, stream)
                setattr(sys, "__%s__" % name, stream)

    def spare(self, given):
        """Gives one descriptor free, for a program that has used up all, and takes one back as soon as there is one."""
        try:
            ours = self._spare is not None and os.path.sameopenfile(self._spare, self._descriptor)
            if given and ours:
                os.close(self._spare)
                self._spare = None
            elif not given and not ours:
                self._spare = os.dup(self._descriptor)
        except OSError:  # user code has closed it, or there is none
            self._spare = None

    def show_text(self, text, role):
        """A value that is text alone; what is too long for one, and in a forked child everything, is printed."""
        if len(text) > LARGEST or not self.is_ours():
            print(text)
        else:
            self.send(ev="display", role=role, forms=[{"type": "text/plain", "encoding": "text", "data": text}])

    def _lost(self):
        """User code has closed the channel, or the runner is gone: nothing can be answered any more."""
        text = "kernelet: the program closed descriptor %d, by which the interpreter is spoken to: its variables are lost\n"
        try:
            os.write(2, (text % self._descriptor).encode("ascii"))
        finally:
            os._exit(1)

    def send(self, **fields):
        """Says something, after what was printed before."""
        if not self.is_ours():
            return
        flush()
        rest = memoryview((encode(fields) + "\n").encode("ascii"))
        with self._interrupts:
            with self._lock:
                while rest:
                    try:
                        rest = rest[os.write(self._descriptor, rest):]
                    except BlockingIOError:
                        import select

                        select.select([], [self._descriptor], [])
                    except OSError:
                        self._lost()

    def receive(self):
        """The next message, or None at the end. While a query runs, SIGINT ends the wait and loses nothing."""
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = self._buffer[:end].decode("utf-8", "replace")
                del self._buffer[: end + 1]
                self._searched = 0
                return decode(line)
            self._searched = len(self._buffer)
            if self._interrupts.running:
                import select

                try:
                    select.select([self._descriptor], [], [])
                except OSError:
                    self._lost()
            with self._interrupts:
                try:
                    chunk = os.read(self._descriptor, 65536)
                except BlockingIOError:
                    import select

                    select.select([self._descriptor], [], [])
                    continue
                except OSError:
                    self._lost()
                self._buffer += chunk
            if not chunk:
                return None


def out_of_the_way(descriptor, place):
    """A copy that no child inherits, with a number that programs seldom touch."""
    try:
        return os.dup2(descriptor, place, False) or place  # 3.6 returns None
    except OSError:
        return os.dup(descriptor)


def encode(value):
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[%s]" % ",".join(map(encode, value))
    if isinstance(value, dict):
        return "{%s}" % ",".join("%s:%s" % (quote(name), encode(item)) for name, item in value.items())
    return str(int(value))


def flush():
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        try:
            getattr(sys, name).flush()
        except Exception:  # replaced by something odd, closed, or on a full disk
            pass
