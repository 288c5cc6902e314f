"""The container image, built and run for real by buildah on a minimal Debian.

In: Dockerfile, compose.yaml. Out: who it runs as, what it can write, whether it answers. Needs root, buildah and
mmdebstrap; skipped with the reason where they are not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
IMAGE, BASE = "localhost/sekisho-test", "localhost/sekisho-test-base"
SERVE = """
cd /tmp && printf 'model_list: []\\n' > config.yaml
LITELLM_MASTER_KEY=sk-image-test sekisho serve --config config.yaml --data-dir /data --port 4000 & gateway=$!
for _ in $(seq 100); do
  python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:4000/health/readiness').status)" \\
    2>/dev/null && break
  kill -0 $gateway || exit 1
done
kill -TERM $gateway; wait $gateway; echo "ended $?"
"""


def run(*command: str | Path, check: bool = True) -> str:
    """What a command printed. Fails the test with it when it did not end well."""
    environ = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=600, cwd=ROOT)
    assert done.returncode == 0 or not check, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A container of the image; its base is a Debian made here, for no registry is asked."""
    missing = [name for name in ("buildah", "mmdebstrap") if shutil.which(name) is None]
    if missing or os.getuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    folder = tmp_path_factory.mktemp("image")
    wheels = folder / "wheels"
    parts = ["build", "runtime"]
    pins = [option for part in parts for option in ("-r", str(ROOT / "requirements" / f"{part}.txt"))]
    run(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--dest", wheels, *pins)
    include = "--include=python3-minimal,python3-venv,ca-certificates"
    run("mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", folder / "root.tar")
    (folder / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
    run("buildah", "bud", "--quiet", "--tag", BASE, folder)
    options = ["--build-arg", f"BASE={BASE}", "--build-arg", "EXTRAS=", "--pull-never"]
    options += ["--build-arg", "PIP_OPTIONS=--no-index --find-links /wheels", "--volume", f"{wheels}:/wheels:ro"]
    run("buildah", "bud", "--quiet", *options, "--tag", IMAGE, ROOT)
    name = run("buildah", "from", "--pull-never", IMAGE).strip()
    try:
        yield name
    finally:
        run("buildah", "rm", name, check=False)
        run("buildah", "rmi", IMAGE, BASE, check=False)


def test_it_serves_as_nobody_special_and_ends_when_told(container: str) -> None:
    told = run("buildah", "run", container, "--", "sh", "-c", SERVE).split()
    assert told in (["200", "ended", "0"], ["200", "ended", "143"]), "in order, or by the signal after it was in order"
    assert run("buildah", "run", container, "--", "id", "-u").strip() == "10001"


def test_only_its_data_can_be_written(container: str) -> None:
    tried = "for place in / /opt/sekisho /etc /data /tmp; do [ -w $place ] && echo $place; done; true"
    assert run("buildah", "run", container, "--", "sh", "-c", tried).split() == ["/data", "/tmp"]


def test_it_holds_the_product_and_not_its_tests(container: str) -> None:
    assert run("buildah", "run", container, "--", "sekisho", "check-config", "--help")
    listed = run("buildah", "run", container, "--", "sh", "-c", "ls -A / /build 2>/dev/null | sort -u")
    assert not {"tests", "bench", ".git", "build"} & set(listed.split())


def test_compose_starts_the_image_with_all_it_needs() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    gateway = services["sekisho"]
    assert gateway["read_only"]
    assert set(gateway["depends_on"]) == set(services) - {"sekisho"} == {"postgres", "valkey"}
    assert gateway["ports"] == ["127.0.0.1:4000:4000"], "the machine itself only, until the operator says otherwise"
    assert not [line for line in (ROOT / "compose.yaml").read_text().splitlines() if "PASSWORD: sekisho" in line]
