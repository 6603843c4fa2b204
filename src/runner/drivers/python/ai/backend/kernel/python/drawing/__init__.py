"""Drawings of programs for Backend.AI: a canvas, colours and a turtle (spec kernel-runner 15.3). Python 3.8 and later."""
from .canvas import Canvas
from .color import Color, Colors
from .turtle import Turtle, Vec2D

__all__ = ("Canvas", "Color", "Colors", "Turtle", "Vec2D")
