"""Acts on user code's imports, so that nothing is imported before the user does."""
import sys


class Watcher:
    """Calls back when user code has imported one of a few modules, so that none is imported before it is needed."""

    def __init__(self):
        self.hooks = {}
        sys.meta_path.insert(0, self)

    def after_import(self, name, hook):
        if name in sys.modules:
            hook(sys.modules[name])
        else:
            self.hooks[name] = hook

    def find_spec(self, name, path=None, target=None):
        if name not in self.hooks:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._watch(spec.loader, name)
                return spec
        return None

    def _watch(self, loader, name):
        original = getattr(loader, "exec_module", None)
        if original is None or isinstance(loader, type):
            return

        def exec_module(module):
            original(module)
            hook = self.hooks.pop(name, None)
            if hook is not None:
                hook(module)

        loader.exec_module = exec_module
