"""A matplotlib backend: `plt.show()` and the end of a query send the open figures as pictures and close them."""
import io

from matplotlib import _pylab_helpers
from matplotlib.backends import backend_agg
from matplotlib.backends.backend_agg import FigureCanvasAgg, new_figure_manager_given_figure  # noqa: F401

from _kernelet import driver

FigureCanvas = FigureCanvasAgg
FigureManager = backend_agg.FigureManagerBase if hasattr(backend_agg, "FigureManagerBase") else None
_shown = set()


def new_figure_manager(number, *args, **options):
    """For releases of matplotlib before 3.6, which ask the backend itself."""
    return backend_agg.new_figure_manager(number, *args, **options)


def picture(figure, shown=False):
    """A figure as PNG; `shown` keeps it from being sent once more at the end of the query."""
    if shown:
        _shown.add(id(figure))
    if figure.canvas is None or not hasattr(figure.canvas, "print_png"):
        FigureCanvasAgg(figure)
    held = io.BytesIO()
    figure.savefig(held, format="png", bbox_inches="tight")
    return held.getvalue()


def show(*_args, **_options):
    """`plt.show()`."""
    from _kernelet.rich import send

    managers = _pylab_helpers.Gcf.get_all_fig_managers()
    try:
        for manager in managers:
            figure = manager.canvas.figure
            if id(figure) not in _shown:
                send({"image/png": picture(figure), "text/plain": repr(figure)}, driver.channel)
    finally:
        _shown.clear()
        _pylab_helpers.Gcf.destroy_all()


def show_rest():
    """The end of a query; a backend that the user has chosen shows its figures itself."""
    import matplotlib

    if matplotlib.get_backend() == "module://" + __name__:
        show()
    _shown.clear()
