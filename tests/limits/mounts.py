"""Mounts that only one process and its children see. Needs root; nothing here uses programs, which may need what is being hidden."""
import ctypes
import os

CLONE_NEWNS = 0x20000
MS_RDONLY = 1
MS_BIND = 0x1000
MS_PRIVATE = 0x4000 | 0x40000

_libc = ctypes.CDLL(None)


def own_mounts():
    """Whether the calling process now has mounts of its own."""
    return _libc.unshare(CLONE_NEWNS) == 0 and _libc.mount(None, b"/", None, MS_PRIVATE, None) == 0


def mount_empty(folder, options="", read_only=False):
    """Hides a folder below an empty file system in memory."""
    return _libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", MS_RDONLY if read_only else 0, options.encode()) == 0


def mount_itself(path):
    """Makes a file one that no other can take the place of, as containers are given single files."""
    return _libc.mount(os.fsencode(path), os.fsencode(path), None, MS_BIND, None) == 0


def mount_processes(options):
    """Puts another view of the processes over /proc: "subset=pid" shows them alone (Linux 5.8 and later)."""
    return _libc.mount(b"proc", b"/proc", b"proc", 0, options.encode()) == 0
