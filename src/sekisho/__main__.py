"""`python -m sekisho` is the program `sekisho`."""

from __future__ import annotations

from sekisho.cli.main import main

if __name__ == "__main__":
    main()
