"""Colours of red, green, blue and alpha, each from 0 to 255."""
import enum

__all__ = ("Color", "Colors")


class Color:
    def __init__(self, red, green, blue, alpha=255):
        self.red = red
        self.green = green
        self.blue = blue
        self.alpha = alpha

    @staticmethod
    def from_hex(value):
        """Of `#rrggbbaa`."""
        return Color.from_bytes(bytes.fromhex(value.lstrip("#")))

    @staticmethod
    def from_rgba(value):
        """Of a sequence of the four."""
        return Color(*value)

    @staticmethod
    def from_bytes(value):
        red, green, blue, alpha = value
        return Color(red, green, blue, alpha)

    def to_bytes(self):
        return bytes((self.red, self.green, self.blue, self.alpha))

    def to_hex(self, include_alpha=True):
        return "#" + self.to_bytes()[: 4 if include_alpha else 3].hex()

    def to_rgba(self):
        return "rgba(%d,%d,%d,%d)" % (self.red, self.green, self.blue, self.alpha)


class Colors(Color, enum.Enum):
    """Those that have a name."""

    Transparent = (255, 255, 255, 0)
    Black = (0, 0, 0, 255)
    Gray = (128, 128, 128, 255)
    White = (255, 255, 255, 255)
    Red = (255, 0, 0, 255)
    Green = (0, 255, 0, 255)
    Blue = (0, 0, 255, 255)
    Yellow = (255, 255, 0, 255)
    Magenta = (255, 0, 255, 255)
    Cyan = (0, 255, 255, 255)
