"""A Docker engine of our own and the image of the training task, built from the project's Dockerfile."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.settings import ROOT
from tests.integration.progress import Started

BASE_IMAGE = "python:3.11-slim-bookworm"
IMAGE = "moebius-training:test"
PACKAGES = "python3,python3-venv,ca-certificates,libgomp1"
HOST_CA = Path("/etc/ssl/certs/ca-certificates.crt")
# Where the base system is kept between runs (about 270 MB; making it takes a minute); empty: it is not kept.
CACHE = "MOEBIUS_TEST_CACHE"


@pytest.fixture(scope="session")
def docker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dockerd on its own socket and data below a temporary directory; stopped at the end."""
    _skip_unless_possible()
    home = tmp_path_factory.mktemp("docker")
    url = f"unix://{home / 'docker.sock'}"
    places = ["--data-root", home / "data", "--exec-root", home / "exec", "--pidfile", home / "docker.pid"]
    command = ["dockerd", "-H", url, *map(str, places), "--bridge=none", "--iptables=false"]
    with (home / "dockerd.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _await_engine(url, process, home / "dockerd.log")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        # dockerd leaves its network namespace mounted, which would keep the directory busy.
        subprocess.run(["umount", home / "exec" / "netns" / "default"], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)  # gigabytes that pytest would keep for three more sessions


@pytest.fixture(scope="session")
def training_image(docker_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The project's Dockerfile on a Debian base made here: there is no registry to pull from."""
    _import_base(docker_url, tmp_path_factory)
    dockerfile = ROOT / "docker" / "training" / "Dockerfile"
    docker(docker_url, "build", "--network=host", "-f", dockerfile, "-t", IMAGE, "--build-arg", "REVISION=tested", ROOT)
    return IMAGE


def docker(url: str, *arguments: object) -> str:
    # Debian's docker.io comes without buildx, so the classic builder it is.
    environment = os.environ | {"DOCKER_HOST": url, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        ["docker", *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"docker {arguments[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def _skip_unless_possible() -> None:
    if os.geteuid() != 0:
        pytest.skip("a Docker engine of our own can be started by root only")
    for program in ("dockerd", "docker"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}; on Debian: apt-get install docker.io")
    if not _cached().is_file() and not shutil.which("debootstrap"):
        pytest.skip(f"there is no debootstrap and no {_cached()}; on Debian: apt-get install debootstrap")


def _cached() -> Path:
    return Path(os.environ.get(CACHE) or "/nonexistent") / "moebius-base.tar"


def _await_engine(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    asked = ["docker", "-H", url, "info"]

    def answers() -> bool:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    Started(process, log).until(answers, "dockerd does not answer")


def _import_base(url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A Debian with Python, and on top of it the host's CA bundle and package index: what pip needs here."""
    work = tmp_path_factory.mktemp("base")
    docker(url, "import", _base_archive(work), "debian-python:local")
    lines = ["[global]", f"cert = {HOST_CA}"]
    lines += [f"index-url = {os.environ['PIP_INDEX_URL']}"] if "PIP_INDEX_URL" in os.environ else []
    (work / "pip.conf").write_text("\n".join(lines) + "\n")
    shutil.copy(HOST_CA, work / "ca.crt")
    (work / "Dockerfile").write_text(f"FROM debian-python:local\nCOPY pip.conf /etc/pip.conf\nCOPY ca.crt {HOST_CA}\n")
    (work / ".dockerignore").write_text("*\n!pip.conf\n!ca.crt\n")
    docker(url, "build", "-t", BASE_IMAGE, work)


def _base_archive(work: Path) -> Path:
    if _cached().is_file():
        return _cached()
    archive, root = work / "base.tar", work / "root"
    for command in (
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)],
        ["tar", "-C", str(root), "-cf", str(archive), "."],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    shutil.rmtree(root)
    if _cached().parent.is_dir():
        shutil.copy(archive, _cached())
    return archive
