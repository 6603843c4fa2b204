"""IPython on the driver's namespace: loaded when user code imports it or uses its syntax (`%timeit`, `!ls`, `x?`).

It costs a quarter of a second and some 25 MB, so that plain Python queries don't wait for it.
"""
import builtins
import os
import sys
import warnings

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from _kernelet import driver, rich
from _kernelet.tracebacks import tell

driver_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Publisher(DisplayPublisher):
    """`display()` and what builds on it."""

    def publish(self, data, metadata=None, source=None, **options):
        rich.send(data, driver.channel)

    def clear_output(self, wait=False):
        """What was said stays said: the output is a stream."""


class Hook(DisplayHook):
    """The value of a query."""

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        rich.send(format_dict, driver.channel, "result")

    def finish_displayhook(self):
        sys.stdout.flush()


class QuietShell(InteractiveShell):
    """Keeps the traceback that a query ends with for its driver; SystemExit is the driver's affair."""

    untold = None

    def showtraceback(self, exc_tuple=None, *args, **options):
        kind = exc_tuple[0] if exc_tuple else sys.exc_info()[0]
        if kind is None or not issubclass(kind, SystemExit):
            super().showtraceback(exc_tuple, *args, **options)

    def _get_exc_info(self, exc_tuple=None):
        kind, value, trace = super()._get_exc_info(exc_tuple)
        return kind, value, without_driver(trace)

    def _showtraceback(self, etype, evalue, stb):
        self.say_untold()
        self.untold = (evalue, self.InteractiveTB.stb2text(stb).rstrip("\n") + "\n")

    def take_untold(self, error):
        """The traceback of this error, when it is the latest."""
        told, text = self.untold or (None, "")
        if told is not error:
            return ""
        self.untold = None
        return text

    def say_untold(self):
        """A traceback that the query does not end with, such as that of a program under `%run`, is output."""
        if self.untold is not None:
            sys.stderr.write(self.untold[1])
            self.untold = None

    def enable_gui(self, gui=None):
        """There is no event loop to enter."""

    def enable_matplotlib(self, gui=None):
        """`%matplotlib inline`: by IPython's own means where they work, else by the driver's backend."""
        try:
            return super().enable_matplotlib("inline" if gui == "auto" else gui)
        except Exception:
            if gui not in (None, "auto", "agg", "inline"):
                raise
            import matplotlib

            matplotlib.use("module://_kernelet.figures")
            return "inline", matplotlib.get_backend()


def picture(figure):
    """A figure that is shown as a value is not shown once more at the end of the query."""
    from _kernelet import figures

    return figures.picture(figure, shown=True)


def without_driver(trace):
    """A traceback without the driver's own frames at its end, where an interrupt is raised."""
    last = None
    step = trace
    while step is not None:
        if not step.tb_frame.f_code.co_filename.startswith(driver_folder):
            last = step
        step = step.tb_next
    if last is not None:
        last.tb_next = None
    return trace


class Shell:
    """What the driver needs of IPython."""

    def __init__(self, owner):
        warnings.filterwarnings("ignore", message="To exit: use")
        config = Config()
        config.HistoryManager.enabled = False
        config.HistoryManager.hist_file = ":memory:"
        config.InteractiveShell.colors = "nocolor"
        config.InteractiveShell.xmode = "Plain"
        QuietShell.display_pub_class = Publisher
        QuietShell.displayhook_class = Hook
        self._shell = QuietShell.instance(config=config, user_module=owner.module, user_ns=owner.namespace)
        self._shell.system = self.system
        pictures = self._shell.display_formatter.formatters["image/png"]
        pictures.for_type_by_name("matplotlib.figure", "Figure", picture)
        for name in ("exit", "quit"):  # IPython's own take no status
            owner.namespace[name] = self._shell.user_ns_hidden[name] = getattr(builtins, name)

    def system(self, command):
        """`!command`: an interrupt ends the query too; IPython would only say so and go on."""
        seen = driver.interrupts.seen
        self._shell.system_raw(command)
        if driver.interrupts.seen != seen:
            raise KeyboardInterrupt

    def run(self, code):
        """Runs a query, and tells of the error that it ends with."""
        result = self._shell.run_cell(code, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, SystemExit):
            raise error
        if error is not None:
            tell(error, self._shell.take_untold(error), driver.channel)
        self._shell.say_untold()
        if isinstance(error, KeyboardInterrupt):
            return 130
        return 0 if error is None else 1

    def complete(self, before, start):
        """Completions of the text before the cursor, each with the dotted name that begins at `start`."""
        from IPython.core.completer import provisionalcompleter

        with provisionalcompleter():
            found = list(self._shell.Completer.completions(before, len(before)))
        matches = []
        for completion in found:
            text = before[start : completion.start] + completion.text if completion.start >= start else completion.text
            if text not in matches:
                matches.append(text)
        return matches
