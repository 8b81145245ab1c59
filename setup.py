"""Take what is no code, but belongs to an installation, into the wheel: the sweeps and the template of a plugin.

All else stands in pyproject.toml. In a checkout these folders are read where they lie (fpd_bench/files/shipped.py).
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = {"sweeps": "sweeps", "examples/plugin": "plugin"}  # here: inside fpd_bench/shipped
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.dist-info", "build", "results")


class BuildWithShipped(build_py):
    """setuptools' own, and a copy of the folders."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder, name in SHIPPED.items():
            target = Path(self.build_lib) / "fpd_bench" / "shipped" / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / folder, target, ignore=LEFT_OUT)


setup(cmdclass={"build_py": BuildWithShipped})
