"""A small fictional contact centre: a month of audible calls, as a real Asterisk would have left them in a folder."""

from imvume.demo.make import make

__all__ = ["make"]
