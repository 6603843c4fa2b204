"""What can stand where the cursor is: names, keywords and attributes, or what IPython says when it is loaded."""
import builtins
import keyword

LIMIT = 1000


def complete(code, cursor, namespace, ipython):
    """Continuations of the dotted name before `cursor`, each with that whole name: `os.pa` gives `os.path`."""
    before = code[: max(0, cursor)]
    start = len(before)
    while start and (before[start - 1] == "." or before[start - 1].isidentifier() or before[start - 1].isdigit()):
        start -= 1
    token = before[start:]
    if ipython is not None:
        return ipython.complete(before, start)[:LIMIT]
    head, dot, prefix = token.rpartition(".")
    names = _attributes(head, namespace) if dot else _globals(namespace)
    hidden = "" if prefix.startswith("_") else "_"
    found = {name for name in names if name.startswith(prefix) and not (hidden and name.startswith(hidden))}
    return sorted(head + dot + name for name in found)[:LIMIT]


def _globals(namespace):
    return set(namespace) | set(dir(builtins)) | set(keyword.kwlist)


def _attributes(head, namespace):
    """Names of the object that a dotted name stands for; nothing is called."""
    first, *rest = head.split(".")
    if first in namespace:
        value = namespace[first]
    elif hasattr(builtins, first):
        value = getattr(builtins, first)
    else:
        return set()
    for name in rest:
        value = getattr(value, name)
    names = {name for name in dir(value) if isinstance(name, str)}
    return names | set(dir(type(value)))
