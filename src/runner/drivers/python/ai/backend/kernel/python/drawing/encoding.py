"""Commands as clients read them: MessagePack in base64. Without packages, since images need not have any."""
import base64
import struct

__all__ = ("encode_commands",)


def encode_commands(commands):
    """The text of a list of commands, whose parts are numbers, texts and sequences of them."""
    return base64.b64encode(_packed(commands)).decode("ascii")


def _packed(value):
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _head(len(data), ((31, 0xA0, ""), (0xFF, 0xD9, "B"), (0xFFFF, 0xDA, "H"), (0xFFFFFFFF, 0xDB, "I"))) + data
    if isinstance(value, (list, tuple)):
        head = _head(len(value), ((15, 0x90, ""), (0xFFFF, 0xDC, "H"), (0xFFFFFFFF, 0xDD, "I")))
        return head + b"".join(map(_packed, value))
    number = value.__index__()  # an integer of NumPy's is one too
    if number >= 0:
        return _head(
            number, ((127, 0, ""), (0xFF, 0xCC, "B"), (0xFFFF, 0xCD, "H"), (0xFFFFFFFF, 0xCE, "I"), (2**64 - 1, 0xCF, "Q"))
        )
    if number >= -32:
        return struct.pack("b", number)
    for bits, mark, form in ((8, 0xD0, "b"), (16, 0xD1, "h"), (32, 0xD2, "i"), (64, 0xD3, "q")):
        if number >= -(1 << bits - 1):
            return struct.pack(">B" + form, mark, number)
    raise OverflowError("a number is too large for a drawing: %d" % number)


def _head(number, forms):
    """The shortest form that takes the number: its limit, its mark, and how the number follows, or is in the mark."""
    for limit, mark, form in forms:
        if number <= limit:
            return struct.pack(">B" + form, mark, number) if form else bytes((mark | number,))
    raise OverflowError("a number is too large for a drawing: %d" % number)
