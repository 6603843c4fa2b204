"""What programs draw on: each call is a command, and `update` shows those that came since the last one."""
import builtins
import itertools

from .color import Colors
from .encoding import encode_commands
from .turtle import Turtle

__all__ = ("Canvas",)

DRAWING = "application/x-sorna-drawing"

# What can be changed of a shape beside its angle; for others the call is not meant for it and does nothing.
PROPERTIES = {
    "line": ("x1", "y1", "x2", "y2", "color"),
    "circle": ("x", "y", "radius", "border", "fill"),
    "rect": ("x", "y", "border", "fill"),
    "triangle": ("x", "y", "border", "fill"),
}

canvas_ids = itertools.count()


class DrawingObject:
    """A shape on a canvas."""

    def __init__(self, canvas, number, shape):
        self._canvas = canvas
        self._number = number
        self._shape = shape

    def _set(self, name, value):
        if name in ("rotate", "angle") or name in PROPERTIES[self._shape]:
            self._canvas._add("update", self._number, name, value)

    def set_x(self, x):
        self._set("x", x)

    def set_y(self, y):
        self._set("y", y)

    def set_x1(self, x):
        self._set("x1", x)

    def set_y1(self, y):
        self._set("y1", y)

    def set_x2(self, x):
        self._set("x2", x)

    def set_y2(self, y):
        self._set("y2", y)

    def set_radius(self, r):
        self._set("radius", r)

    def set_angle(self, a):
        self._set("angle", a)

    def rotate(self, a):
        self._set("rotate", a)

    def stroke(self, color):
        self._set("color" if self._shape == "line" else "border", color.to_hex())

    def fill(self, color):
        self._set("fill", color.to_hex())


class Canvas:
    def __init__(self, width, height, bgcolor=Colors.White, fgcolor=Colors.Black):
        self.width = width
        self.height = height
        self.bgcolor = bgcolor
        self.fgcolor = fgcolor
        self._id = next(canvas_ids)
        self._object_ids = itertools.count()
        self._commands = []
        self._add("canvas", width, height, bgcolor.to_hex(), fgcolor.to_hex())

    def _add(self, *command):
        self._commands.append((self._id,) + command)

    def _draw(self, *shape):
        number = next(self._object_ids)
        self._add("obj", number, shape)
        return DrawingObject(self, number, shape[0])

    def _area(self, shape, place, border, fill, angle):
        border = self.fgcolor if border is None else border
        fill = Colors.Transparent if fill is None else fill
        return self._draw(shape, *place, border.to_hex(), fill.to_hex(), angle)

    def update(self):
        """Shows what was drawn. Queries and notebooks have `display`; a program alone has nowhere to show it."""
        display = getattr(builtins, "display", None)
        if display is None:
            raise RuntimeError("drawings are shown by code in a query or in a notebook, not by programs")
        commands, self._commands = self._commands, []
        display({DRAWING: encode_commands(commands)}, raw=True)

    show = update

    def create_turtle(self):
        return Turtle(self)

    def line(self, x0, y0, x1, y1, color=None):
        return self._draw("line", x0, y0, x1, y1, (self.fgcolor if color is None else color).to_hex())

    def circle(self, x, y, radius, border=None, fill=None, angle=0):
        return self._area("circle", (x, y, radius), border, fill, angle)

    def rectangle(self, left, top, width, height, border=None, fill=None, angle=0):
        return self._area("rect", (left, top, width, height), border, fill, angle)

    def triangle(self, left, top, width, height, border=None, fill=None, angle=0):
        return self._area("triangle", (left, top, width, height), border, fill, angle)

    def background_color(self, c):
        self.bgcolor = c
        self._add("bgcolor", c.to_hex())

    def stroke_color(self, c):
        self.fgcolor = c
        self._add("fgcolor", c.to_hex())

    def begin_fill(self, c):
        self._add("begin-fill", c.to_hex())

    def end_fill(self):
        self._add("end-fill")

    def begin_group(self):
        self._add("begin-group")

    def end_group(self):
        self._add("end-group")

    def stop_animation(self):
        self._add("stop-anim")

    def resume_animation(self):
        self._add("resume-anim")
