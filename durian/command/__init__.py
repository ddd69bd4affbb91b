"""The command line: a table of which durians the photographs in files and folders show."""

from .main import main

__all__ = ["main"]
