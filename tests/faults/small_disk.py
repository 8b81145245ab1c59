"""Real file systems of a few hundred kilobytes, full or read-only at will. Mounting needs root, as in a container."""

import os
import subprocess
from contextlib import contextmanager

import pytest


class Disk:
    """A mounted tmpfs."""

    def __init__(self, path):
        self.path = path
        self._ballast = path / "ballast"

    def free(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave=0):
        """Take all space but `leave` bytes, as somebody else's files would."""
        self._ballast.write_bytes(b"\0" * max(0, self.free() - leave))

    def make_room(self):
        self._ballast.unlink()

    def read_only(self, on):
        _call("mount", "-o", "remount,ro" if on else "remount,rw", self.path)


@contextmanager
def small_disk(path, size):
    """A Disk of `size` (as mount writes it: 2m) at `path`."""
    path.mkdir()
    _call("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)
    try:
        yield Disk(path)
    finally:
        _call("umount", "-l", path)


def _call(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"This test mounts a file system and needs root: {done.stderr.strip()}")


def files(folder):
    """{path: bytes} of all files below, to see that none is lost."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "ballast"}
