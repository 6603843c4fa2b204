"""Shows values with every form that they have, of which whoever reads takes the one that it can show."""
import binascii
import sys

from _kernelet.channel import LARGEST

METHODS = (
    ("_repr_html_", "text/html"),
    ("_repr_markdown_", "text/markdown"),
    ("_repr_svg_", "image/svg+xml"),
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
    ("_repr_pdf_", "application/pdf"),
    ("_repr_latex_", "text/latex"),
    ("_repr_json_", "application/json"),
    ("_repr_javascript_", "application/javascript"),
)
BINARY = ("image/", "audio/", "video/", "application/pdf")


def display(channel, *values, **options):
    """Like IPython's `display`, of whose options only `raw` (the values are bundles) has a meaning here."""
    for value in values:
        if options.get("raw"):
            send(value, channel)
        else:
            show(value, channel)


def show(value, channel, role="display"):
    """Shows one value; as the `result` of a query, a figure is shown once only."""
    own = getattr(type(value), "_ipython_display_", None)
    if own is not None and not isinstance(value, type):
        own(value)
    else:
        send(bundle(value, role == "result") if channel.is_ours() else {"text/plain": repr(value)}, channel, role)


def bundle(value, last=False):
    """The forms of a value by their types. Methods count only when its class has them: a mock answers to any name."""
    found = {}
    if not isinstance(value, type):
        figure = _figure(value, last)
        if figure is not None:
            found["image/png"] = figure
        for name, mime in METHODS if figure is None else ():
            if hasattr(type(value), name):
                found[mime] = _first(getattr(value, name)())
        if hasattr(type(value), "_repr_mimebundle_"):
            found.update(_first(value._repr_mimebundle_(include=None, exclude=None)) or {})
    found = {mime: data for mime, data in found.items() if data is not None}
    if "text/plain" not in found:
        try:
            found["text/plain"] = repr(value)
        except Exception:
            if not found:
                raise
    return found


def send(found, channel, role="display"):
    """Sends a bundle; of what is too large for a value only how much it is."""
    text = found.get("text/plain")
    if text is not None and (len(found) == 1 or not channel.is_ours()):
        channel.show_text(text if isinstance(text, str) else str(text), role)
        return
    forms = [_form(mime, data) for mime, data in found.items() if data is not None]
    if not forms:
        return
    total = sum(map(_size, forms))
    for form in sorted(forms, key=_size, reverse=True):
        if total <= LARGEST:
            break
        total -= _size(form)
        form["bytes"] = _size(form)
        del form["data"]
    channel.send(ev="display", role=role, forms=forms)


def _form(mime, data):
    if not isinstance(mime, str):
        raise TypeError("a media type is a text, not %r" % (mime,))
    if isinstance(data, (bytes, bytearray, memoryview)):
        data = bytes(data)
        if not _is_binary(mime):
            try:
                return {"type": mime, "encoding": "text", "data": data.decode("utf-8")}
            except UnicodeDecodeError:
                pass
        return {"type": mime, "encoding": "base64", "data": binascii.b2a_base64(data, newline=False).decode("ascii")}
    if isinstance(data, str) and _is_binary(mime):  # by convention base64 already
        return {"type": mime, "encoding": "base64", "data": "".join(data.split())}
    return {"type": mime, "encoding": "text", "data": _text(data)}


def _is_binary(mime):
    return mime.startswith(BINARY) and mime != "image/svg+xml"


def _size(form):
    """The bytes of a form, at least."""
    return len(form["data"]) * 3 // 4 if form["encoding"] == "base64" else len(form["data"])


def _figure(value, last):
    module = sys.modules.get("matplotlib.figure")
    if module is None or not isinstance(value, module.Figure):
        return None
    from _kernelet import figures

    return figures.picture(value, shown=last)


def _first(data):
    """Methods may answer with a pair of data and metadata."""
    return data[0] if isinstance(data, tuple) and len(data) == 2 else data


def _text(data):
    if isinstance(data, str):
        return data
    import json

    return json.dumps(data)
