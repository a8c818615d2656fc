"""What pyproject.toml cannot say: the compiled kernels are for any Python 3, and so is the wheel that holds them.

They use none of Python's headers and are loaded by ctypes, so a wheel is one a platform: `py3-none-linux_x86_64`, not
one a Python as well. Where there was no compiler the wheel holds Python alone, and is for any platform.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext


class BuildKernels(build_ext):
    """Names the library `_native.so`, without the Python that happened to compile it."""

    def get_ext_filename(self, fullname: str) -> str:
        """The file of an extension, below the package's root."""
        file = Path(super().get_ext_filename(fullname))
        return str(file.with_name(file.name.split(".")[0] + file.suffix))


class Wheel(bdist_wheel):
    """Tags the wheel by what is in it."""

    def get_tag(self) -> tuple[str, str, str]:
        """(Python, ABI, platform)."""
        is_compiled = any(Path(self.bdist_dir).rglob("_native.*"))
        return "py3", "none", super().get_tag()[2] if is_compiled else "any"


setup(cmdclass={"build_ext": BuildKernels, "bdist_wheel": Wheel})
