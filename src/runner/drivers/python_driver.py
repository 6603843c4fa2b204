"""Answers queries in Python and keeps their state: the driver of the `python` runtime (driver-protocol.ts).

Runs on any Python from 3.6 on, without packages. What is imported here decides how soon a kernel is ready, so this
file takes only what the interpreter has loaded anyway (`_json` instead of json, `_ast` instead of ast, `_signal`
instead of signal: some 8 ms together) and the rest lies in `python_support/`, loaded when it is first needed.

User code sees itself as `__main__`, with the working folder first on `sys.path`, as in Python's own console.
"""
import _ast
import _thread
import builtins
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
support = type(sys)("_kernelet")
support.__path__ = [os.path.join(FOLDER, "python_support")]
sys.modules["_kernelet"] = support

from _kernelet.channel import Channel, Interrupts, flush  # noqa: E402
from _kernelet.watcher import Watcher  # noqa: E402

CO_COROUTINE = 0x80
TOP_LEVEL_AWAIT = getattr(_ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", 0)

class Driver:
    """The loop, and what user code meets as `input`, `display` and the display hook."""

    def __init__(self):
        self.interrupts = Interrupts()
        self.channel = Channel(3, self.interrupts)
        self.watcher = Watcher()
        self.ipython = None
        self.sources = {}
        self._flags = 0
        self._count = 0
        self._loop = None
        self._held = []
        self._modules_seen = len(sys.modules)
        self._native = None
        self.module = type(sys)("__main__")
        self.module.__builtins__ = builtins
        self.namespace = self.module.__dict__

    def prepare(self):
        """Makes the interpreter look as user code expects it."""
        self.own_main = sys.modules["__main__"]
        sys.modules["__main__"] = self.module
        sys.argv = [""]
        if sys.path and os.path.abspath(sys.path[0]) == FOLDER:
            sys.path[0] = ""
        support.driver = self
        for stream in (sys.stdout, sys.stderr):
            keep = {} if "PYTHONIOENCODING" in os.environ else {"encoding": "utf-8", "errors": stream.errors}
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True, **keep)
        if not hasattr(sys.stdout, "reconfigure"):  # Python 3.6
            import io

            sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8", line_buffering=True)
        self.original_input = builtins.input
        builtins.input = self.input
        builtins.display = self.display
        sys.displayhook = self.show
        self.watcher.after_import("linecache", lambda module: module.cache.update(self.sources))
        self.watcher.after_import("ctypes", self._attach_native)
        self.watcher.after_import("getpass", self._patch_getpass)
        self.watcher.after_import("matplotlib", self._patch_matplotlib)
        self.watcher.after_import("IPython", lambda _module: self.load_ipython())

    def serve(self):
        self.channel.send(ev="ready")
        while True:
            message = self._held.pop(0) if self._held else self.channel.receive()
            if message is None:
                return
            self._answer(message)

    def _answer(self, message):
        if message["op"] == "execute":
            status = self._execute(message["code"])
            if not self.channel.is_ours():  # user code forked, and this is the child
                flush()
                os._exit(status)
            self.channel.send(ev="done", id=message["id"], exitCode=status)
        elif message["op"] == "complete":
            self._complete(message)
        # An `input` that comes too late, after an interrupt, is nobody's.

    def _execute(self, code):
        status = self._guarded(lambda: self._run(code))
        figures = sys.modules.get("_kernelet.figures")
        if figures is not None:
            status = self._guarded(figures.show_rest) or status
        self._flush_native()
        self.channel.reopen_output()
        self._reopen_input()
        return status

    def _reopen_input(self):
        if getattr(getattr(sys, "stdin", None), "closed", True):  # `exit()` closes it
            try:
                sys.stdin = open(os.devnull)
            except OSError:  # no descriptor is left
                pass

    def _guarded(self, action):
        """Runs user code; the status is that of a Python program that ends this way, 130 after an interrupt."""
        try:
            try:
                self.interrupts.begin()
                return action() or 0
            finally:
                self.interrupts.end()
        except BaseException as error:
            self.interrupts.end()
            return self.report(error)

    def report(self, error):
        self.channel.reopen_output()
        self.channel.spare(True)
        try:
            from _kernelet.tracebacks import report

            return report(error, self.channel, FOLDER)
        except BaseException:  # nothing can be loaded any more
            sys.__excepthook__(type(error), error, error.__traceback__)
            self.channel.send(ev="error", name=type(error).__name__, message="", traceback="")
            return 1
        finally:
            self.channel.spare(False)

    def _run(self, code):
        if self.ipython is None and "get_ipython" in code:
            self.load_ipython()
        if self.ipython is not None:
            return self.ipython.run(code)
        self._count += 1
        name = "<query %d>" % self._count
        lines = code.splitlines(True)
        self.sources[name] = (len(code), None, lines, name)
        if "linecache" in sys.modules:
            sys.modules["linecache"].cache[name] = self.sources[name]
        try:
            units = self._compile(code, name)
        except SyntaxError:
            if not looks_like_ipython(lines):
                raise
            units = None
        if units is None:
            if self.load_ipython():
                return self.ipython.run(code)
            units = self._compile(code, name)
        for unit in units:
            if unit.co_flags & CO_COROUTINE:
                self._await(eval(unit, self.namespace))
            else:
                exec(unit, self.namespace)
        return 0

    def _compile(self, code, name):
        """The statements, and apart from them a last expression, whose value goes to the display hook."""
        tree = compile(code, name, "exec", _ast.PyCF_ONLY_AST | self._flags, True)
        flags = self._flags | TOP_LEVEL_AWAIT
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], _ast.Expr) else None
        units = [compile(tree, name, "exec", flags, True)] if tree.body else []
        if last is not None:
            silent = code.rstrip().endswith(";")
            tree.body = [last]
            shown = tree if silent else _ast.Interactive([last])
            units.append(compile(shown, name, "exec" if silent else "single", flags, True))
        if "__future__" in code:
            import __future__

            features = [getattr(__future__, feature) for feature in __future__.all_feature_names]
            for unit in units:
                self._flags |= sum({feature.compiler_flag for feature in features} & bits(unit.co_flags))
        return units

    def _await(self, coroutine):
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        try:
            self._loop.run_until_complete(task)
        except BaseException:
            if not task.done():  # interrupted: let it clean up
                task.cancel()
                try:
                    self._loop.run_until_complete(task)
                except asyncio.CancelledError:
                    pass
            raise

    def load_ipython(self):
        """Hands the namespace to IPython when the image has it; all later queries run there."""
        if self.ipython is None:
            self.watcher.hooks.pop("IPython", None)
            try:
                from _kernelet.ipython_shell import Shell

                self.ipython = Shell(self)
            except ImportError:
                return False
        return True

    def show(self, value):
        """The display hook."""
        if value is None:
            return
        builtins._ = None
        if type(value) in (int, str, float, list, dict, tuple, bool):
            self.channel.show_text(repr(value), "result")
        else:
            from _kernelet.rich import show

            show(value, self.channel, "result")
        builtins._ = value

    def display(self, *values, **options):
        """Shows values richly, like IPython's function of this name."""
        from _kernelet.rich import display

        display(self.channel, *values, **options)

    def input(self, prompt="", *, _password=False):
        """Asks the user of the kernel; everything else about standard input is at its end."""
        if not self.channel.is_ours() or _thread.get_ident() != self.interrupts.thread:
            return self.original_input(prompt)
        self.channel.send(ev="input", prompt=str(prompt), password=_password)
        while True:
            message = self.channel.receive()
            if message is None:
                raise EOFError("the kernel is ending")
            if message["op"] == "input":
                text = message["text"]
                if text is None:
                    raise EOFError("EOF when reading a line")
                return text[:-1] if text.endswith("\n") else text
            if message["op"] == "complete":
                self._complete(message)
            else:
                self._held.append(message)

    def _attach_native(self, _module):
        from _kernelet import native

        self._native = native
        native.attach()

    def _flush_native(self):
        """Takes care of what C code prints, from the first query on that has loaded any."""
        if self._native is None and len(sys.modules) != self._modules_seen:
            try:
                from _kernelet import native

                if native.is_loaded():
                    self._attach_native(native)
            except Exception:  # user code has emptied sys.modules, or has no descriptor left
                pass
            self._modules_seen = len(sys.modules)
        if self._native is not None:
            self._native.flush()

    def _patch_getpass(self, module):
        module.getpass = lambda prompt="Password: ", stream=None, **_more: self.input(prompt, _password=True)

    def _patch_matplotlib(self, module):
        if "MPLBACKEND" not in os.environ:
            module.use("module://_kernelet.figures")

    def _complete(self, message):
        matches = []
        try:
            from _kernelet.completion import complete

            matches = complete(message["code"], message["cursor"], self.namespace, self.ipython)
        except Exception:  # an attribute of the user's that fails to be looked at
            pass
        self.channel.send(ev="completion", id=message["id"], matches=matches)


def bits(number):
    return {1 << place for place in range(number.bit_length()) if number >> place & 1}


def looks_like_ipython(lines):
    for line in lines:
        text = line.strip()
        if text.startswith(("%", "!", "?")) or text.endswith("?") or "= !" in text or "= %" in text or "=!" in text:
            return True
    return False


if __name__ == "__main__":
    driver = Driver()
    driver.prepare()
    driver.serve()
