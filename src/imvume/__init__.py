"""Imvume: the compliance plane for the contact centre you already run."""

__version__ = "0.1.0"
