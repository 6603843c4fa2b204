"""Tells how user code ended, as Python itself would, without the frames of the driver."""
import os
import sys
import traceback

from _kernelet.channel import LARGEST

LONGEST_MESSAGE = 4096


def report(error, channel, folder):
    """Tells of `error` and returns the exit status: SystemExit's own, 130 after an interrupt, else 1."""
    if isinstance(error, SystemExit):
        return _exit_status(error.code)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    sys.last_exc = error
    try:
        if sys.excepthook is not sys.__excepthook__:
            sys.excepthook(type(error), error, error.__traceback__)
            tell(error, "", channel)
        else:
            tell(error, _format(error, folder), channel)
    except BaseException as other:  # from the user's hook, or from an exception's own text
        tell(other, _format(other, folder), channel)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def tell(error, text, channel):
    """Tells of an error with its traceback, which is printed where it is too long or the runner is not to be spoken to."""
    if len(text) > LARGEST or not channel.is_ours():
        _say(text)
        text = ""
    try:
        message = str(error)[:LONGEST_MESSAGE]
    except Exception:  # its own text
        message = ""
    channel.send(ev="error", name=type(error).__name__, message=message, traceback=text)


def _exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    try:
        _say("%s\n" % (code,))
    except Exception:  # its own text
        pass
    return 1


def _say(text):
    """To standard error, as it is or as it was."""
    for stream in (sys.stderr, sys.__stderr__):
        try:
            stream.write(text)
            stream.flush()
            return
        except Exception:  # replaced by something odd, closed, or full
            pass


def _format(error, folder):
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    _strip(told, folder + os.sep, set())
    text = "".join(told.format())
    if not told.stack and told.__cause__ is None and told.__context__ is None:  # a syntax error: nothing ran
        text = text[len("Traceback (most recent call last):\n") :] if text.startswith("Traceback (") else text
    return text


def _strip(told, folder, seen):
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    if told.stack is not None:
        kept = [frame for frame in told.stack if not frame.filename.startswith(folder)]
        told.stack = traceback.StackSummary.from_list(kept)
    _strip(told.__cause__, folder, seen)
    _strip(told.__context__, folder, seen)
    for member in getattr(told, "exceptions", None) or ():
        _strip(member, folder, seen)
