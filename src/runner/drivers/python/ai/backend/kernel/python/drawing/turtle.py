"""A turtle that draws its way on a canvas: it begins in the middle and looks to the right; angles are clockwise."""
import math

from .color import Color, Colors

__all__ = ("Turtle", "Vec2D")

TRAIL = Color(255, 0, 0, 128)
BODY = Color(255, 200, 200)


class Vec2D(tuple):
    """A vector, a pair."""

    def __new__(cls, x, y):
        return super().__new__(cls, (x, y))

    def __getnewargs__(self):
        return tuple(self)

    def __add__(self, other):
        return Vec2D(self[0] + other[0], self[1] + other[1])

    def __sub__(self, other):
        return Vec2D(self[0] - other[0], self[1] - other[1])

    def __neg__(self):
        return Vec2D(-self[0], -self[1])

    def __abs__(self):
        return math.hypot(*self)

    def __mul__(self, other):
        """The dot product with a vector, or this vector made longer by a number."""
        if isinstance(other, Vec2D):
            return self[0] * other[0] + self[1] * other[1]
        return Vec2D(self[0] * other, self[1] * other)

    def __rmul__(self, other):
        return self * other

    def rotate(self, angle):
        """Turned by degrees, counter-clockwise."""
        sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        return Vec2D(self[0] * cosine - self[1] * sine, self[1] * cosine + self[0] * sine)

    def __repr__(self):
        return "(%.2f,%.2f)" % self


class Turtle:
    def __init__(self, canvas):
        self.canvas = canvas
        self.pen = True
        self.angle = 90
        self.points = [(canvas.width / 2, canvas.height / 2)]
        self.cursor = canvas.triangle(*self.points[0], 12, 18, border=Colors.Red, fill=BODY, angle=self.angle)

    def forward(self, amt):
        x, y = self.points[-1]
        heading = math.radians(self.angle)
        self._move(x + math.sin(heading) * amt, y - math.cos(heading) * amt)

    def left(self, deg):
        self.right(-deg)

    def right(self, deg):
        self.cursor.rotate(deg)
        self.angle += deg

    def penup(self):
        self.pen = False

    def pendown(self):
        self.pen = True

    def pos(self):
        """Where it is, as seen from where it began."""
        return Vec2D(*self.points[-1]) - self.points[0]

    def setpos(self, x, y=None):
        """Moves it to a place as `pos` says it: two numbers or a pair."""
        place = x if y is None else (x, y)
        self._move(*Vec2D(*place) + self.points[0])

    def _move(self, x, y):
        self.canvas.begin_group()
        if self.pen:
            self.canvas.line(*self.points[-1], x, y, color=TRAIL)
        self.cursor.set_x(x)
        self.cursor.set_y(y)
        self.canvas.end_group()
        self.points.append((x, y))
