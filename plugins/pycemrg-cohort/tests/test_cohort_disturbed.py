"""Whatever is killed, the next run ends where an undisturbed one does, file by file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cohort_lab import FEW_IMPORTS, Gate, Processes, dask_here, done, ended, eventually, hearts, here, tree
from command_line import pycemrg

pytestmark = pytest.mark.slow

pytest.importorskip("distributed", reason="Dask is not installed")

COUNT = 8


class Lab:
    """Eight hearts, one of them damaged, the command that grows them, and what it must end in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, Processes(**dict([FEW_IMPORTS]))
        self.hearts = hearts(folder / "in", COUNT)
        (self.hearts / "h03.nrrd").write_bytes((self.hearts / "h03.nrrd").read_bytes()[:400])
        self.gate = Gate(folder)
        self.undisturbed = self._undisturbed()

    def _undisturbed(self) -> dict[str, Any]:
        """What a run that nothing happens to leaves: each case as by the plain command, and the summary."""
        self.root = self.folder / "undisturbed"
        self.gate.open()
        here(*self.command("--workers", 1), code=1)
        for heart in sorted(self.hearts.glob("*.nrrd")):
            if heart.stem != "h03":
                plain = self.folder / "plain" / "cases" / heart.stem
                pycemrg("run", "gated", heart, "-o", plain, "--plugin", self.gate.plugin, "--no-check")
        whole, plain_files = tree(self.root), tree(self.folder / "plain")
        assert all(case["thickness_mm"] for case in whole["cohort.json"]["cases"] if case["state"] == "done")
        assert len(plain_files) == 2 * (COUNT - 1)
        assert {name: data for name, data in whole.items() if name in plain_files} == plain_files
        return whole

    def command(self, *place: object) -> tuple[object, ...]:
        """The run, on these workers."""
        plugin = ("--plugin", self.gate.plugin, "--no-check")
        return ("run", "gated", self.hearts, "-o", self.root, *plugin, *place)

    def start(self, *place: object) -> subprocess.Popen[str]:
        """Start a run; on two workers, unless told otherwise."""
        return self.processes.cohort(*self.command(*(place or ("--workers", 2))))

    def in_the_middle(self) -> None:
        """Wait until three cases are finished and two in hand."""
        self.gate.admit(3)
        eventually(lambda: len(done(self.root)) >= 2 and len(self.gate.waiting()) == 2, "some done, two in hand")

    def again(self, *place: object) -> str:
        """The same command, with nothing in its way; one worker is enough."""
        self.gate.close()
        self.gate.open()
        return here(*self.command(*(place or ("--workers", 1))), code=1)


@pytest.fixture(scope="module")
def one_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*FEW_IMPORTS)
        lab = Lab(tmp_path_factory.mktemp("lab"))
        yield lab
        lab.processes.end()


@pytest.fixture
def lab(one_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The laboratory with an empty folder for the results and the gate closed."""
    one_lab.root = one_lab.folder / request.node.name
    one_lab.gate.close()
    yield one_lab
    one_lab.processes.end()


def test_a_worker_that_is_killed(lab: Lab) -> None:
    running = lab.start()
    lab.in_the_middle()
    victim = lab.gate.waiting()[0]
    os.kill(victim, signal.SIGKILL)
    (lab.gate.folder / f"waiting-{victim}").unlink()
    lab.gate.open()
    assert "8 cases, 7 done, 1 failed" in ended(running, code=1)
    assert tree(lab.root) == lab.undisturbed


def test_the_command_and_its_cluster_are_killed(lab: Lab) -> None:
    running = lab.start()
    lab.in_the_middle()
    before = done(lab.root)
    lab.processes.kill(running)
    # As a process that was killed while it wrote leaves it.
    left = lab.root / "cases" / "h07" / ".pycemrg-abcdefgh"
    left.mkdir(parents=True)
    (left / "heart.nrrd").write_bytes(b"half")
    assert f"7 done ({len(before)} of them before)" in lab.again()
    assert tree(lab.root) == lab.undisturbed


def test_the_command_alone_is_killed(lab: Lab) -> None:
    """Its workers end by themselves."""
    running = lab.start()
    lab.in_the_middle()
    workers = lab.gate.waiting()
    os.kill(running.pid, signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers are gone")
    lab.again()
    assert tree(lab.root) == lab.undisturbed


def test_it_is_interrupted(lab: Lab) -> None:
    running = lab.start()
    lab.in_the_middle()
    os.killpg(running.pid, signal.SIGINT)
    told = ended(running, code=1)
    assert told.startswith("error: interrupted: ")
    assert told.endswith(" of 8 cases are done; repeat the command to continue\n")
    assert not list(lab.root.rglob(".pycemrg-*"))
    lab.again()
    assert tree(lab.root) == lab.undisturbed


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_the_scheduler_is_restarted(lab: Lab) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = lab.processes.start("distributed.cli.dask_scheduler", "--host", address, "--no-dashboard", "--no-show")
    worker = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--death-timeout", 30)
    workers = [lab.processes.start("distributed.cli.dask_worker", address, *worker) for _ in range(2)]
    running = lab.start("--scheduler", address)
    lab.in_the_middle()
    lab.processes.kill(scheduler)
    assert "error: the connection to the scheduler is lost; repeat the command to continue" in ended(running, code=1)
    for one in workers:
        lab.processes.kill(one)
    with dask_here(workers=1, port=port):
        lab.again("--scheduler", address)
    assert tree(lab.root) == lab.undisturbed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB, or a skip where one may not be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a disk that is full")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_disk_is_full(lab: Lab, small_disk: Path) -> None:
    lab.gate.open()
    lab.root = small_disk / "out"
    told = ended(lab.start(), code=1)
    assert "No space left on device" in told
    assert 0 < len(done(lab.root)) < COUNT - 1
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    lab.again()
    final, undisturbed = tree(lab.root), deepcopy(lab.undisturbed)
    for data in (final, undisturbed):  # where the input is, seen from a folder one deeper
        for name in data:
            if name.endswith("run.json"):
                del data[name]["input"]["path"]
        del data["cohort.json"], data["cases.csv"]
    assert final == undisturbed


def test_states_are_those_of_the_inputs(lab: Lab) -> None:
    cohort = lab.undisturbed["cohort.json"]
    assert cohort["counts"] == {"done": 7, "failed": 1}
    assert [case["id"] for case in cohort["cases"]] == [f"h{number:02}" for number in range(COUNT)]
    (failed,) = (case for case in cohort["cases"] if case["state"] == "failed")
    assert failed["id"] == "h03"
    assert failed["error"].startswith(f"{lab.hearts / 'h03.nrrd'}: ")
