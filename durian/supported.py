"""Refuses, in a sentence, where TensorFlow does not install. Import it before anything else.

`requirements.txt` says the same to pip. Raises ImportError.
"""

import platform
import sys

WHERE = (
    "This project needs Python 3.11 to 3.13, on Linux, on 64-bit Windows, or on a Mac with Apple"
    " silicon."
)


def is_supported() -> bool:
    """Tell whether TensorFlow 2.21 has a build for this Python and this machine."""
    if not (3, 11) <= sys.version_info < (3, 14):
        return False
    machines = {"darwin": ("arm64",), "win32": ("AMD64",)}
    return platform.machine() in machines.get(sys.platform, (platform.machine(),))


if not is_supported():
    raise ImportError(WHERE)
