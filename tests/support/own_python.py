"""A Python of its own for programs that the tests run and that must not stand among our dependencies.

In: a requirements.txt with hashes, a folder to keep it in. Out: the interpreter; made once for each state of the file.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

_QUIETLY = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:"]


def python_with(requirements: Path, cache: Path) -> Path:
    """The Python that has what `requirements` names."""
    folder = cache / hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), *_QUIETLY, "--require-hashes", "-r", str(requirements)]
        subprocess.run(install, check=True, stdout=sys.stderr)
        (folder / "complete").touch()
    return python
