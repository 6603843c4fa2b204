"""Lets programs of batch mode ask their user, then runs the sitecustomize that this file hides: Python takes the first
that it finds, and this folder stands before the system's. It runs at each start of Python, so it is short.
"""
import sys


def _chain():
    from _frozen_importlib_external import PathFinder  # importlib.machinery would take longer

    here = __file__.rpartition("/")[0]
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if path.rstrip("/") != here])
    if spec is not None and spec.loader is not None:
        module = type(sys)("sitecustomize")
        module.__spec__, module.__file__, module.__loader__ = spec, spec.origin, spec.loader
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if sys.version_info[0] >= 3:
    import os

    if os.environ.get("_BACKEND_BATCH_MODE") == "1":
        from kernelet_user_input import install

        install()
    _chain()
