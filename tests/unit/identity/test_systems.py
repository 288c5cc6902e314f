from __future__ import annotations

import pytest

from sekisho.identity.signals import shipped_signals
from sekisho.identity.systems import system_in_texts, system_named

SYSTEMS = shipped_signals().systems


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("Linux", "linux"),
        ("linux 6.18.44; x64", "linux"),
        ("Linux-6.18.44-x86_64-with-glibc2.36", "linux"),
        ("Debian 12.0.0", "linux"),
        ("Ubuntu 24.04", "linux"),
        ("MacOS", "macos"),
        ("Mac OS 15.1.0", "macos"),
        ("macOS-15.1-arm64-arm-64bit", "macos"),
        ("darwin", "macos"),
        ("Macintosh", "macos"),
        ("Windows", "windows"),
        ("Windows 10.0.26100", "windows"),
        ("Windows_NT", "windows"),
        ("Windows-11-10.0.26100-SP0", "windows"),
        ("win32", "windows"),
        ('"linux"', "linux"),
        ("external, cli", "unknown"),
        ("FreeBSD", "unknown"),
        ("a linux box", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_first_word_names_the_system(text: str, system: str) -> None:
    assert system_named(text, SYSTEMS) == system


def test_a_system_is_read_after_a_label_only() -> None:
    prose = "We target Linux and Windows. Our platform is great. Platform: independent.\n"
    assert system_in_texts([("system", prose)], SYSTEMS) == ("unknown", [])
    assert system_in_texts([("system", prose + " - Platform: darwin\n")], SYSTEMS)[0] == "macos"


def test_the_evidence_is_the_label_with_the_beginning_of_the_word() -> None:
    system, literals = system_in_texts([("messages", "…\n* Operating System: Windows_NT\n")], SYSTEMS)
    assert (system, literals) == ("windows", [("messages", "Operating System: Windo")])


def test_the_first_text_that_names_one_counts() -> None:
    texts = [("system", "nothing"), ("system", "OS Version: Darwin 24.1.0"), ("messages", "Platform: linux")]
    assert system_in_texts(texts, SYSTEMS)[0] == "macos"
