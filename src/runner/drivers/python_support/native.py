"""What C code prints: the C library keeps it in a buffer of its own, which Python's streams know nothing of.

Taken care of from the moment when native code beyond Python's own is loaded: whole lines come at once, so that they
keep their place among what Python prints, and the rest at the end of the query.
"""
import sys

_LINE_BUFFERED = 1
_library = None


def is_loaded():
    """Whether there is a module of native code that did not come with Python."""
    return any(map(_is_foreign, list(sys.modules.values())))


def attach():
    """Makes C's standard output line-buffered. A Python without `ctypes` has no way to."""
    global _library
    if _library is not None:
        return
    try:
        import ctypes

        library = ctypes.CDLL(None)
        stdout = ctypes.c_void_p.in_dll(library, "stdout")
        library.setvbuf(stdout, None, _LINE_BUFFERED, ctypes.c_size_t(0))
        _library = library
    except Exception:  # another C library, or none that can be loaded from
        _library = False


def flush():
    """The end of a query."""
    if _library:
        _library.fflush(None)


def _is_foreign(module):
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and path.endswith(".so") and "lib-dynload" not in path
