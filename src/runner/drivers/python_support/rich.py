"""Shows values: the richest form that they have and the runner takes (spec kernel-runner 9.3), else their `repr`."""
import binascii
import sys

# Best first. What is not listed is not sent.
PREFERENCE = (
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/html",
    "application/x-sorna-drawing",
    "text/markdown",
    "text/latex",
    "application/json",
)
METHODS = (
    ("_repr_svg_", "image/svg+xml"),
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
    ("_repr_html_", "text/html"),
    ("_repr_markdown_", "text/markdown"),
    ("_repr_latex_", "text/latex"),
    ("_repr_json_", "application/json"),
)


def display(channel, *values, **options):
    """Like IPython's `display`, of whose options only `raw` (the values are bundles) has a meaning here."""
    for value in values:
        if options.get("raw"):
            if not send(value, channel):
                print(value.get("text/plain", ""))
        else:
            show(value, channel)


def show(value, channel, last=False):
    """Shows one value; `last` says that it is the value of a query, which is shown once only."""
    own = getattr(type(value), "_ipython_display_", None)
    if own is not None and not isinstance(value, type):
        own(value)
        return
    found = bundle(value, last) if channel.is_ours() else {}
    if not send(found, channel):
        print(found["text/plain"] if "text/plain" in found else repr(value))


def bundle(value, last=False):
    """The forms of a value by their types. Methods count only when its class has them: a mock answers to any name."""
    if isinstance(value, type):
        return {}
    figure = _figure(value, last)
    if figure is not None:
        return {"image/png": figure}
    found = {}
    for name, mime in METHODS:
        if hasattr(type(value), name):
            data = _first(getattr(value, name)())
            if data is not None:
                found[mime] = data
    if hasattr(type(value), "_repr_mimebundle_"):
        data = _first(value._repr_mimebundle_(include=None, exclude=None))
        found.update(data or {})
    return found


def send(found, channel):
    """Sends the best form of a bundle; False when it has none but text."""
    for mime in PREFERENCE:
        data = found.get(mime)
        if data is None:
            continue
        if mime == "text/html":
            channel.send(ev="html", data=_text(data))
        elif mime in ("image/png", "image/jpeg"):
            channel.send(ev="media", type=mime, encoding="base64", data=_base64(data))
        else:
            channel.send(ev="media", type=mime, encoding="text", data=_text(data))
        return True
    return False


def _figure(value, last):
    module = sys.modules.get("matplotlib.figure")
    if module is None or not isinstance(value, module.Figure):
        return None
    from _kernelet import figures

    return figures.picture(value, shown=last)


def _first(data):
    """Methods may answer with a pair of data and metadata."""
    return data[0] if isinstance(data, tuple) and len(data) == 2 else data


def _base64(data):
    if isinstance(data, str):  # by convention already base64
        return "".join(data.split())
    return binascii.b2a_base64(bytes(data), newline=False).decode("ascii")


def _text(data):
    if isinstance(data, bytes):
        return data.decode("utf-8", "replace")
    if isinstance(data, str):
        return data
    import json

    return json.dumps(data)
