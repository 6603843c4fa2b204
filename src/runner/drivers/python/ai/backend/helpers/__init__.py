"""What programs of Backend.AI's images import to install packages (spec kernel-runner 15.4). Python 3.8 and later."""
import importlib
import importlib.metadata
import os
import site
import subprocess
import sys

__all__ = ("install",)


def install(pkgname, force_install=False):
    """Installs a package for this user with pip, and lets this process import it.

    Nothing is done when the package is there, unless `force_install` says so. What pip says goes to the output; its
    status is not looked at.
    """
    if not force_install:
        try:
            found = importlib.metadata.distribution(pkgname)
        except (importlib.metadata.PackageNotFoundError, ValueError):
            pass
        else:
            print("'%s' is already installed (version: %s)." % (found.metadata["Name"].lower(), found.version))
            return
    sys.stdout.flush()
    options = ["--user", "-I"] if force_install else ["--user"]
    # Debian's Python refuses even a user's own packages, for the system's sake: here the system is one kernel's.
    environ = dict(os.environ, PIP_BREAK_SYSTEM_PACKAGES="1")
    subprocess.run([sys.executable, "-m", "pip", "install"] + options + [pkgname], env=environ)
    sys.stdout.flush()
    folder = site.getusersitepackages()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
