"""Settings of glibc's memory allocator, see mallopt(3); other C libraries have none of them."""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD = -1  # bytes free at the heap's end from which they go back to the kernel
M_MMAP_THRESHOLD = -3  # bytes from which a block is the kernel's own, returned as soon as freed
M_MMAP_MAX = -4  # how many such blocks there may be
M_ARENA_MAX = -8  # heaps for threads to share


def return_large_blocks() -> None:
    """Return what a large photo took as soon as it is freed, and keep what the network works in.

    By default glibc comes to keep blocks of up to 32 MB: 700 MB after two photos of 49 megapixels,
    which are read into blocks of 12 and 16 MB. The network works in smaller ones. The kernel clears
    a returned block before it lends it again. For the network's blocks, that would take as long as
    the network itself on a virtual machine.
    """
    _set({M_MMAP_THRESHOLD: 2**23, M_TRIM_THRESHOLD: 2**26, M_ARENA_MAX: 2})


def return_freed() -> None:
    """Return what is free now, however small: 45 MB once the model is loaded."""
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def keep_all_blocks() -> None:
    """Return nothing between the steps of training.

    Getting it back from the kernel, cleared, takes a third of each step on a virtual machine.
    """
    _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_ARENA_MAX: 1})


def _set(options: dict[int, int]) -> None:
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in options.items():
            mallopt(option, value)
