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
    modules = _modules(before[:start], head)
    if modules is not None:
        names = modules
    else:
        names = _attributes(head, namespace) if dot else _globals(namespace)
    hidden = "" if prefix.startswith("_") else "_"
    found = {name for name in names if name.startswith(prefix) and not (hidden and name.startswith(hidden))}
    return sorted(head + dot + name for name in found)[:LIMIT]


def _modules(before, head):
    """Names below the package `head`, or of all modules, where a statement wants one; else None. Nothing is imported."""
    statement = before.rpartition("\n")[2].rpartition(";")[2].strip()
    words = statement.replace(",", " , ").split()
    if not words or words[0] not in ("import", "from"):
        return None
    if words[0] == "from" and words != ["from"] or words[0] == "import" and words[-1] not in ("import", ","):
        return None
    import sys
    from pkgutil import iter_modules

    if not head:
        names = {module.name for module in iter_modules()} | set(sys.builtin_module_names)
        return names | {name for name in sys.modules if "." not in name}
    package = sys.modules.get(head)
    return {module.name for module in iter_modules(getattr(package, "__path__", None) or _folders(head))}


def _folders(package):
    """Where the modules of a package lie that has not been imported."""
    from importlib.machinery import PathFinder

    folders = None
    for depth in range(package.count(".") + 1):
        spec = PathFinder.find_spec(".".join(package.split(".")[: depth + 1]), folders)
        folders = getattr(spec, "submodule_search_locations", None)
        if folders is None:
            return []
    return list(folders)


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
