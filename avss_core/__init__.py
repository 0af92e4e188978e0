"""Measure which blocks of a language model matter, and what is lost when some are taken away."""

__version__ = "0.1.0"
