"""The load of plain requests by wrk(1) where it is installed: it costs its core less than Python does."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from bench.client import Target
from bench.summary import Load

SCRIPT = """
local file = io.open("{body}"); wrk.body = file:read("*a"); file:close()
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer {key}"
wrk.headers["anthropic-version"] = "2023-06-01"
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{{"count":%d,"failed":%d,"p50":%d,"p99":%d}}\\n', summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def installed() -> bool:
    return shutil.which("wrk") is not None


def drive(target: Target, connections: int, seconds: float, folder: Path) -> Load:
    body, script = folder / "body.json", folder / "request.lua"
    body.write_bytes(target.body)
    script.write_text(SCRIPT.format(body=body, key=target.key))
    url = f"http://127.0.0.1:{target.port}{target.path}"
    options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", "--latency"]
    printed = subprocess.run(["wrk", *options, "-s", str(script), url], check=True, capture_output=True, text=True)
    found = json.loads(printed.stdout.splitlines()[-1])
    return Load(count=found["count"], failed=found["failed"], p50_us=found["p50"], p99_us=found["p99"])
