"""What is said while the database cannot be reached. Must stay true: it names no host and no credential."""

from __future__ import annotations

from sekisho.core.errors import ErrorClass, SekishoError


class StoreAway(SekishoError):
    """The database is away. Known keys are served on for a while; what has to be looked up is not."""

    error_class = ErrorClass.OVERLOADED

    def __init__(self, message: str) -> None:
        super().__init__(message, status=503, retry_after_seconds=1.0)
