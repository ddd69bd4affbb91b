"""The command line: names the durians in photographs and folders, and tables the answers."""

from .main import main

__all__ = ["main"]
