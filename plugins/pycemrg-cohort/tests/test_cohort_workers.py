"""Workers of other versions are refused, those that die cost only their case, and a machine is not overrun."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import psutil
import pytest
import SimpleITK as sitk
from cohort_lab import (
    FEW_IMPORTS,
    PATIENCE,
    Gate,
    Processes,
    dask_here,
    ended,
    eventually,
    hearts,
    here,
)
from command_line import HEART, local_plugin, pycemrg, small_heart
from phantom import heart_phantom
from plugin_packages import FakeSite, fake_site, run_python, schematics_source
from pycemrg_cohort.cases import read_cases
from pycemrg_cohort.cluster import cores, free_memory, workers_for
from pycemrg_cohort.engine import run_cases
from pycemrg_cohort.errors import OtherVersionsError, one_line
from pycemrg_cohort.job import Job, differences, loaded_plugins, ready
from pycemrg_cohort.memory import case_bytes, peak_memory, voxel_bytes
from pycemrg_cohort.workers import LocalWorkers

import pycemrg_core
from pycemrg_core import Found, Policy, Schematic, Settings, load_catalogue
from pycemrg_core.api import PycemrgError, from_data, to_data

pytestmark = pytest.mark.slow

dask = pytest.importorskip("dask", reason="Dask is not installed")
pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.fixture
def processes() -> Iterator[Processes]:
    started = Processes(**dict([FEW_IMPORTS]))
    yield started
    started.end()


@pytest.fixture
def few_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command in this process and its workers load."""
    monkeypatch.setenv(*FEW_IMPORTS)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler without workers."""
    with dask_here(workers=0) as cluster:
        yield cluster.scheduler_address


def start_worker(processes: Processes, scheduler: str, **environment: str) -> None:
    """Start a worker with its own environment."""
    options = ("--nthreads", 1, "--no-dashboard", "--no-nanny")
    processes.start("distributed.cli.dask_worker", scheduler, *options, **environment)


def site(folder: Path, version: str) -> str:
    FakeSite(folder).install("cohort-heart", schematics_source("cohort_wall"), version=version)
    return str(folder)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ("2.0", "plugin cohort-heart: cohort-heart 2.0 there, 1.0 here"),
        ("", "plugin cohort-heart (cohort-heart 1.0) is not there"),
    ],
)
def test_a_worker_with_another_version_is_refused(
    tmp_path: Path, processes: Processes, scheduler: str, few_imports: None, there: str, told: str
) -> None:
    start_worker(processes, scheduler, PYTHONPATH=site(tmp_path / "there", there) if there else "")
    root = tmp_path / "out"
    with fake_site(tmp_path) as one:
        one.install("cohort-heart", schematics_source("cohort_wall"), version="1.0")
        command = ("run", "four_chamber_full", hearts(tmp_path / "in", 2, size=48), "-o", root)
        assert here(*command, "--scheduler", scheduler, code=1) == (
            f"error: a worker differs from this process: {told}; install the same versions, and restart the worker\n"
        )
    assert not root.exists()


def test_a_worker_with_more_plugins_is_as_good(
    tmp_path: Path, processes: Processes, scheduler: str, few_imports: None
) -> None:
    start_worker(processes, scheduler, PYTHONPATH=site(tmp_path / "there", "1.0"))
    command = ("run", "four_chamber_full", hearts(tmp_path / "in", 1, size=48), "-o", tmp_path / "out")
    assert "1 case, 1 done" in here(*command, "--scheduler", scheduler, code=0)


def test_every_difference_is_named() -> None:
    job = Job(
        recipe="r",
        settings=Settings(),
        plugins=(
            Found("a", "dist-a", "1.0", "g", "m"),
            Found("b", "dist-b", "1.0", "g", "m"),
            Found("mine", "local file", "abc", "g", "/mine.py"),
        ),
        python="3.11",
        pycemrg="0.0.9",
    )
    here = [Found("a", "dist-a", "1.1", "g", "m"), Found("mine", "local file", "def", "g", "/mine.py")]
    assert [*differences(job, here, python="3.12")] == [
        "Python 3.12 there, 3.11 here",
        f"pycemrg-core {pycemrg_core.__version__} there, 0.0.9 here",
        "plugin a: dist-a 1.1 there, 1.0 here",
        "plugin b (dist-b 1.0) is not there",
        "plugin mine (local file) has different content there",
    ]


def test_a_plugin_file_that_is_not_there(tmp_path: Path) -> None:
    gone = Found("mine", "local file", "abc", "pycemrg.v1", str(tmp_path / "mine.py"))
    with pytest.raises(
        OtherVersionsError, match=r"mine\.py: no such plugin file; give a \.py or \.yaml file that exists"
    ):
        ready(Job(recipe="r", settings=Settings(), plugins=(gone,)).as_text())


def test_a_job_is_the_same_on_the_other_side() -> None:
    catalogue = load_catalogue()
    schematic = catalogue.get(Schematic, "la_myocardium")
    settings = Settings(
        labels={"LA_BP_label": 44}, parameters={"LA_WT": 2.5}, defaults={"RA_WT": 1.5}, schematics={"x": schematic}
    )
    job = Job(recipe="four_chamber_full", settings=settings, plugins=loaded_plugins(catalogue), outputs=("picture",))
    there, same = ready(job.as_text())
    assert attrs.asdict(there, recurse=False).keys() == attrs.asdict(job, recurse=False).keys()
    assert to_data(there) == to_data(from_data(json.loads(job.as_text()), Job))
    assert to_data(there.settings.schematics["x"]) == to_data(schematic)
    assert same.contributions == catalogue.contributions


_BLOCKED = """
import json, sys
from pycemrg_cohort.worker import bring

outcome = bring(json.loads(sys.argv[1]), job=sys.argv[2], root=sys.argv[3])
assert outcome["state"] == "done", outcome
print([name for name in sys.modules if name.startswith(("schematics_builtin.certificate", "pycemrg_metrics"))])
"""


def test_a_worker_loads_nothing_that_the_client_blocked(tmp_path: Path) -> None:
    """The job names the plugins of the client; what its policy left out is not even imported."""
    catalogue = load_catalogue(Policy(block=frozenset({"certificate", "metrics"})))
    job = Job(recipe="four_chamber_full", settings=Settings(), plugins=loaded_plugins(catalogue), outputs=("picture",))
    (case,) = read_cases([str(small_heart(tmp_path))], parameters=(), schemes=())
    ran = run_python(_BLOCKED, json.dumps(case.as_json()), job.as_text(), str(tmp_path / "out"), cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr
    assert (tmp_path / "out" / "cases" / "small" / "slices.png").is_file()


def test_nobody_answers(tmp_path: Path) -> None:
    command = ("run", "four_chamber_full", hearts(tmp_path / "in", 1), "-o", tmp_path / "out")
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        told = here(*command, "--scheduler", "tcp://127.0.0.1:9", code=1)
    assert told == "error: no Dask scheduler answers at tcp://127.0.0.1:9; start one, or correct the address\n"


DEATHS = {
    "a signal": ("os.kill(os.getpid(), 9)", "its worker was killed by SIGKILL, probably because memory ran out"),
    "a segmentation fault": (
        "import ctypes\n    ctypes.string_at(0)",
        "its worker was killed by SIGSEGV (twice)",
    ),
    "an exit": ("os._exit(3)", "its worker ended with exit code 3 (twice)"),
    "an exit without a word": ("os._exit(0)", "its worker ended with exit code 0 (twice)"),
}


@pytest.mark.parametrize(
    ("body", "states", "why"),
    [
        ("raise KeyboardInterrupt", "failed", "1 of 2 cases failed, h01a: KeyboardInterrupt (local_"),
        ("os.fork()", "done", "2 cases, 2 done"),
    ],
)
def test_a_step_that_pretends_to_be_stopped_or_doubles_its_worker(
    tmp_path: Path, few_imports: None, body: str, states: str, why: str
) -> None:
    """Ctrl-C does not reach a worker; and of two copies of a worker, one answers."""
    plugin = local_plugin(
        tmp_path, f"if volume.spacing[0] > 1.8:\n    {body}\nreturn paint(volume, contract)", recipe="odd"
    )
    folder = hearts(tmp_path / "in", 1)
    sitk.WriteImage(heart_phantom(32, (1.9, 1.9, 1.9)), str(folder / "h01a.nrrd"))
    root = tmp_path / "out"
    command = ("run", "odd", folder, "-o", root, "--plugin", plugin, "--no-check", "--workers", 1)
    assert why in here(*command, code=int(states == "failed"))
    cases = json.loads((root / "cohort.json").read_text(encoding="utf-8"))["cases"]
    assert {case["id"]: case["state"] for case in cases} == {"h00": "done", "h01a": states}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_case_that_kills_its_workers_costs_only_itself(
    tmp_path: Path, few_imports: None, death: str, workers: int
) -> None:
    how, why = DEATHS[death]
    plugin = local_plugin(
        tmp_path, f"if volume.spacing[0] > 1.8:\n    {how}\nreturn paint(volume, contract)", recipe="deadly"
    )
    folder = hearts(tmp_path / "in", 3)
    sitk.WriteImage(heart_phantom(32, (1.9, 1.9, 1.9)), str(folder / "h01a.nrrd"))
    root = tmp_path / "out"
    command = ("run", "deadly", folder, "-o", root, "--plugin", plugin, "--no-check", "--workers", workers)
    told = here(*command, code=1)
    assert f"1 of 4 cases failed, h01a: {why}" in told
    cases = json.loads((root / "cohort.json").read_text(encoding="utf-8"))["cases"]
    assert {case["id"]: case["state"] for case in cases} == {
        "h00": "done", "h01": "done", "h01a": "failed", "h02": "done",
    }  # fmt: skip
    assert sorted(path.name for path in (root / "cases").iterdir()) == ["h00", "h01", "h02"]


def test_a_case_that_needs_too_much_memory_costs_only_itself(tmp_path: Path) -> None:
    """Alone it may have all the memory; when that is not enough, it fails."""
    folder = hearts(tmp_path / "in", 2)
    sitk.WriteImage(heart_phantom(32, (1.9, 1.9, 1.9)), str(folder / "h00a.nrrd"))
    cases = read_cases([str(folder)], parameters=(), schemes=())
    too_little = "it needs more than 280 MiB of memory"
    # A busy machine may look late: what is to be stopped waits for it.
    for memory, seconds, error in ((280 << 20, PATIENCE, too_little), (560 << 20, 1, "")):
        body = f"""
            if volume.spacing[0] > 1.8:
                kept = b"x" * (260 << 20)
                time.sleep({seconds})
            return paint(volume, contract)
        """
        local = local_plugin(tmp_path, body, recipe="hungry")
        catalogue = load_catalogue(Policy.from_environment(dict([FEW_IMPORTS])), local=[local])
        job = Job(recipe="hungry", settings=Settings(), check=False, plugins=loaded_plugins(catalogue)).as_text()
        with LocalWorkers(2, memory) as workers:
            found = {one["id"]: one["error"] for one in run_cases(workers, cases, job, tmp_path / f"out{memory}")}
        assert found.pop("h00a").partition(";")[0] == error
        assert found == {"h00": "", "h01": ""}


def test_limits_of_a_container_count(tmp_path: Path) -> None:
    assert cores(tmp_path) >= 1
    assert free_memory(tmp_path) > 0
    for name, text in (("cpu.max", "50000 100000"), ("memory.max", "3000"), ("memory.current", "1000")):
        (tmp_path / name).write_text(text)
    assert cores(tmp_path) == 1
    assert free_memory(tmp_path) == 2000
    (tmp_path / "cpu.max").write_text("max 100000")
    (tmp_path / "memory.max").write_text("max")
    assert free_memory(tmp_path) > 2000


# ------------------------------------------------------------------------------------------------- no port


def sockets(pids: set[int]) -> list[str]:
    """The sockets of these processes on which anybody could call, as lines of /proc/net."""
    inodes = set()
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if (name := os.readlink(file)).startswith("socket:"):
                    inodes.add(name[8:-1])
    calls = []
    for table, column in (("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("unix", 6)):
        with suppress(FileNotFoundError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                cells = line.split()
                named = table != "unix" or len(cells) > 7  # a pair of sockets has no name
                calls += [f"{table}: {line}"] if cells[column] in inodes and named else []
    return calls


def family(pid: int) -> set[int]:
    return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}


ANOTHER_USER = """
import os, sys

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for pid in sys.argv[1:]:
    for name in ("mem", "fd/0", "environ", "cwd"):
        try:
            os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
            print("opened", name)
        except OSError:
            pass
    try:
        os.kill(int(pid), 0)
        print("signalled", pid)
    except PermissionError:
        pass
print("tried")
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc")
def test_another_user_cannot_reach_a_running_cohort(tmp_path: Path, processes: Processes) -> None:
    """Nobody listens: there are no ports and no named sockets, so there is nothing to be let in by."""
    gate = Gate(tmp_path)
    command = ("run", "gated", hearts(tmp_path / "in", 2), "-o", tmp_path / "out", "--workers", 2)
    running = processes.cohort(*command, "--plugin", gate.plugin, "--no-check")
    eventually(lambda: len(gate.waiting()) == 2, "two cases in hand")
    pids = family(running.pid)
    assert {running.pid, *gate.waiting()} <= pids
    assert sockets(pids) == []
    if os.geteuid() == 0:
        command_line = [sys.executable, "-c", ANOTHER_USER, *map(str, pids)]
        done = subprocess.run(command_line, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout == "tried\n", done.stderr
    gate.open()
    ended(running, code=0)
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")


def test_what_listens_is_found() -> None:
    """The test above would find a scheduler with a port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        port = f":{one.getsockname()[1]:04X} "
        assert len([line for line in sockets({os.getpid()}) if port in line]) == 1


@pytest.mark.parametrize(
    ("needed", "cases", "free", "cores", "expected"),
    [
        (1, 100, 1000, 4, 4),  # one per core
        (300, 100, 1000, 4, 3),  # 900 of 1000 for workers of 300
        (1000, 100, 1000, 4, 1),  # one at least
        (1, 2, 1000, 4, 2),  # no more than there are cases
    ],
)
def test_how_many_workers(needed: int, cases: int, free: int, cores: int, expected: int) -> None:
    assert workers_for(needed, cases, free, cores) == expected


@pytest.mark.parametrize(("kind", "width"), [(sitk.sitkUInt8, 1), (sitk.sitkInt16, 2), (sitk.sitkFloat64, 8)])
@pytest.mark.parametrize("name", ["a.nrrd", "a.nii.gz", "a.mha"])
def test_the_header_tells_the_size(tmp_path: Path, kind: int, width: int, name: str) -> None:
    sitk.WriteImage(sitk.Image([5, 6, 7], kind), str(tmp_path / name))
    assert voxel_bytes(str(tmp_path / name)) == 5 * 6 * 7 * width


def test_a_file_without_a_header_counts_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"nonsense")
    assert voxel_bytes(str(tmp_path / "a.nrrd")) == 8
    assert voxel_bytes(str(tmp_path / "b.nrrd")) == 0


def test_the_highest_memory_is_seen() -> None:
    with peak_memory() as low:
        pass
    with peak_memory() as high:
        block = bytearray(200 * 2**20)
        eventually(lambda: high() > low() + 150 * 2**20, "the block is seen")
        del block
    assert high() > low() + 150 * 2**20


def test_what_a_case_needs_at_most(tmp_path: Path) -> None:
    """A fresh process that runs the real heart stays below what is reckoned for it."""
    cases = read_cases([str(HEART)], parameters=(), schemes=())
    catalogue = load_catalogue()
    job = Job(recipe="four_chamber_full", settings=Settings(), plugins=loaded_plugins(catalogue)).as_text()
    measure = (
        "import json, sys; from pycemrg_cohort.worker import sample;"
        "print(sample(json.loads(sys.argv[1]), job=sys.argv[2])['memory'])"
    )
    ran = run_python(measure, json.dumps(cases[0].as_json()), job, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    voxels = voxel_bytes(str(HEART))
    assert voxels < int(ran.stdout) < case_bytes(voxels) < case_bytes(voxels, outputs=True)


def test_a_refusal_names_no_place_in_the_cohort() -> None:
    def refuses() -> None:
        raise PycemrgError("/scratch/a.nrrd: no label map\n  1. why")

    with pytest.raises(PycemrgError) as caught:
        refuses()
    assert one_line(caught.value, hide="/scratch/a.nrrd", show="a.nrrd") == "a.nrrd: no label map 1. why"


@pytest.mark.slow
def test_a_case_that_runs_out_of_memory_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*FEW_IMPORTS)
    body = """
        if volume.spacing[0] > 1.61:
            raise MemoryError("5 bytes do not fit")
        return paint(volume, contract)
    """
    local = local_plugin(tmp_path, body, recipe="hungry")
    command = ("cohort", "run", "hungry", hearts(tmp_path / "in", 2), "-o", tmp_path / "out", "--plugin", local)
    said = "out of memory: 5 bytes do not fit; end other programs, or give a smaller or coarser image"
    result = pycemrg(*command, "--no-check", "--workers", 1, code=1)
    assert said in result.stdout + result.stderr
    cases = {one["id"]: one["error"] for one in json.loads((tmp_path / "out" / "cohort.json").read_text())["cases"]}
    assert cases == {"h00": "", "h01": said}
    assert not (tmp_path / "out" / "cases" / "h01").exists()
