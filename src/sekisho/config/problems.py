"""What is wrong with a configuration file, and where.

Flows in: a place and a sentence. Flows out: `Problem` values, all of a file at once, in `ConfigError` (it does not
start) or `Settings.warnings` (it starts, and says so).
Must stay true: a message names the key and what to do, and never shows a value, which may be a secret.
"""

from __future__ import annotations

import msgspec

from sekisho.core.errors import OperatorError


class Where(msgspec.Struct, frozen=True):
    """A line of a file; `line` counts from 1, and 0 stands for the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Problem(msgspec.Struct, frozen=True):
    """One finding: `key` is the path of the key, like `model_list[0].litellm_params.model`."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = str(Where(self.file, self.line))
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(OperatorError):
    """The configuration cannot be used; `problems` holds every reason, `warnings` what else was found."""

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The configuration cannot be used ({len(problems)} to mend):\n{lines}")
        self.problems = problems
        self.warnings = warnings


class Findings:
    """Collects problems and warnings while a file is read, so that all are told at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def refuse(self, where: Where, key: str, message: str) -> None:
        """The program does not start with this."""
        self.problems.append(Problem(where.file, where.line, key, message))

    def warn(self, where: Where, key: str, message: str) -> None:
        """The program starts, and names this."""
        self.warnings.append(Problem(where.file, where.line, key, message))
