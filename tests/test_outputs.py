"""Outputs of a run: chosen by name, each made once, written together, and none left over from an earlier heart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import contents, pycemrg, small_heart
from PIL import Image

from pycemrg_core import load_catalogue
from pycemrg_core.api import Command, Output, RecordError, Ref, Schematic, read_label_file, read_volume
from pycemrg_core.text import install_hints

pytestmark = pytest.mark.usefixtures("loaded_once")

RECIPE = "left_atrium_with_veins"
ROOT = Path(__file__).resolve().parent.parent

PLUGIN = """
import json
from pathlib import Path

from pycemrg_core.api import Made, Output, Ref, hookimpl

calls = []
names = {names!r}


@hookimpl
def pycemrg_outputs():
    rows = {{
        "counts": ("counts.json", (), ()),
        "judged": ("judged.txt", ("counts",), ("picture", "nowhere")),
        "good": ("good.txt", ("counts",), ()),
        "broken": ("broken.txt", (), ()),
        "on_broken": ("on_broken.txt", ("broken",), ()),
        "wrong": ("wrong.txt", (), ()),
        "worded": ("worded.txt", (), ()),
        "doubtful": ("doubtful.txt", (), ()),
        "numbered": ("numbered.txt", (), ()),
        "nothing": ("nothing.txt", (), ()),
        "circle": ("circle.txt", ("elcric",), ()),
        "elcric": ("elcric.txt", ("circle",), ()),
        "twin": ("COUNTS.json", (), ()),
        "robber": ("heart.nrrd", (), ()),
        "lost": ("lost.txt", (), ()),
        "needy": ("needy.txt", ("nobody",), ()),
    }}
    for name, (file, needs, uses) in rows.items():
        run = f"{{__name__}}:{{name}}" if name != "lost" else "no_such_module:lost"
        yield Output(name=name, file=file, summary=name, function=Ref(run), needs=needs, uses=uses)


def counts(run, made):
    calls.append("counts")
    data = {{run.name(label): int(run.volume.mask(label).sum()) for label in run.volume.boxes}}
    data["sha256"] = run.voxels_sha256
    data["before"] = sorted(run.before.boxes)
    return Made(json.dumps(data).encode(), summary=f"{{len(calls)}} time")


def judged(run, made):
    assert sorted(made) == ["counts", "picture"]
    assert json.loads(made["counts"].content)
    return Made(b"bad", verdict=False, summary="judged: bad")


def good(run, made):
    return Made(b"good", verdict=True)


def broken(run, made):
    raise ValueError("a bug\\nof two lines")


def on_broken(run, made):
    return Made(b"never")


def wrong(run, made):
    return "text"


def worded(run, made):
    return Made("text")


def doubtful(run, made):
    return Made(b"text", verdict="no")


def numbered(run, made):
    return Made(b"text", summary=5)


def nothing(run, made):
    pass


circle = elcric = twin = robber = needy = good
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / f"outputs_{tmp_path.name}.py".replace("-", "_")
    path.write_text(PLUGIN.format(names=path.stem), encoding="utf-8")
    return path


def run(folder: Path, *more: object, code: int = 0) -> Any:
    heart = folder / "small.nrrd"
    heart = heart if heart.exists() else small_heart(folder)
    return pycemrg("run", RECIPE, heart, "-o", folder / "out", "--no-check", *more, code=code)


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
    return found


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "out").iterdir()}


def test_what_is_needed_is_made_once_and_a_bad_verdict_makes_the_exit_code_1(tmp_path: Path, plugin: Path) -> None:
    result = run(tmp_path, "--plugin", plugin, "--with", "judged,good", "--with", "good", code=1)
    assert files(tmp_path) == {
        "heart.nrrd", "run.json", "counts.json", "judged.txt", "good.txt", "slices.png",
    }  # fmt: skip
    assert result.stdout.splitlines() == [
        f"{tmp_path / 'out'}: heart.nrrd, run.json, counts.json, slices.png, judged.txt and good.txt written",
        "1 time",
        "judged: bad",
    ]
    said = record(tmp_path)["outputs"]
    assert [(one["name"], one["file"], one["verdict"]) for one in said] == [
        ("counts", "counts.json", None),
        ("picture", "slices.png", None),
        ("judged", "judged.txt", False),
        ("good", "good.txt", True),
    ]
    assert (
        json.loads((tmp_path / "out" / "counts.json").read_text())["sha256"]
        == (record(tmp_path)["output"]["voxels_sha256"])
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("pictures", "no output is called 'pictures'; did you mean 'picture'?"),
        ("circle", "needs itself: "),
        ("twin,counts", "both write counts.json; choose one"),
        ("robber", "writes heart.nrrd, a file of the run; rename it"),
        ("lost", "no_such_module"),
        ("needy", "needs the output 'nobody': no output is called 'nobody'"),
    ],
)
def test_what_cannot_be_made_is_refused_before_the_run(tmp_path: Path, plugin: Path, names: str, text: str) -> None:
    small_heart(tmp_path)
    before = contents(tmp_path)
    assert text in run(tmp_path, "--plugin", plugin, "--with", names, code=1).stderr
    assert contents(tmp_path) == before


def test_an_output_that_fails_costs_only_itself(tmp_path: Path, plugin: Path) -> None:
    result = run(
        tmp_path, "--plugin", plugin, "--with", "broken,on_broken,good,wrong,worded,doubtful,numbered,nothing", code=1
    )
    assert files(tmp_path) == {"heart.nrrd", "run.json", "counts.json", "good.txt"}
    error = result.stderr.splitlines()[-1] if result.stderr.count("\n") == 1 else result.stderr
    for text in (
        "'broken'",
        "ValueError: a bug",
        "'on_broken'",
        "needs the output 'broken', which was not made",
        "return Made(bytes)",
    ):
        assert text in error
    assert "of two lines" not in error
    assert "content must be bytes: use .encode()" in error
    assert "the verdict is 'no'; give True, False or None, such as bool(verdict)" in error
    assert "the summary is 5; give text" in error
    assert "it returned None; return Made(bytes)" in error


@pytest.mark.slow
def test_nothing_of_an_earlier_heart_stays(tmp_path: Path, plugin: Path) -> None:
    run(tmp_path, "--plugin", plugin, "--with", "good,picture", "--keep-steps")
    sha256 = record(tmp_path)["output"]["voxels_sha256"]
    (tmp_path / "out" / "report.html").write_text(f"made since, and says of which heart: {sha256}")
    (tmp_path / "out" / "notes.txt").write_text("my own")
    # Also without the plugin: the record says what it wrote.
    result = run(tmp_path, "--set", "LA_WT=3", "--with", "slicer-table")
    note = "note: counts.json, good.txt, report.html, slices.png, steps of an earlier run removed from"
    assert f"{note} {tmp_path / 'out'}\n" in result.stderr
    assert files(tmp_path) == {"heart.nrrd", "run.json", "heart.ctbl", "notes.txt"}


def test_a_file_that_would_look_like_an_output_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "slices.png").write_text("my own")
    text = run(tmp_path, code=1).stderr
    what = f"{tmp_path / 'out'}: holds slices.png, which no run wrote there; move it, choose another folder, or"
    assert f"error: {what} replace it with --force\n" == text
    assert files(tmp_path) == {"slices.png"}
    assert (tmp_path / "out" / "slices.png").read_text() == "my own"
    run(tmp_path, "--force")
    assert files(tmp_path) == {"heart.nrrd", "run.json"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slices.png", "heart.label", "heart.nrrd"])
def test_a_file_of_the_user_in_the_folder_of_a_run_is_not_overwritten(tmp_path: Path, name: str) -> None:
    """Neither one that is new there, nor one that was changed by hand."""
    run(tmp_path, "--with", "itksnap-table")
    (tmp_path / "out" / name).write_text("my own")
    before = contents(tmp_path)
    text = run(tmp_path, "--with", "picture", code=1).stderr
    assert f"{tmp_path / 'out'}: holds {name}, not as its run wrote it; move it, choose another folder, or" in text
    assert contents(tmp_path) == before
    run(tmp_path, "--with", "picture", "--force")
    assert files(tmp_path) == {"heart.nrrd", "run.json", "slices.png"}


@pytest.mark.slow
def test_the_result_of_another_heart_is_not_replaced(tmp_path: Path) -> None:
    run(tmp_path, "--with", "picture")
    other = small_heart(tmp_path, "other.nrrd", size=52)
    before = contents(tmp_path)
    command = ("run", RECIPE, other, "-o", tmp_path / "out", "--no-check")
    assert pycemrg(*command, code=1).stderr == (
        f"error: {tmp_path / 'out'}: holds the result of another heart, small.nrrd;"
        " choose another folder, or replace it with --force\n"
    )
    assert "holds the result of another heart" in pycemrg("demo", "-o", tmp_path / "out", code=1).stderr
    assert contents(tmp_path) == before
    pycemrg(*command, "--force")
    assert record(tmp_path)["input"]["name"] == "other.nrrd"
    assert files(tmp_path) == {"heart.nrrd", "run.json"}


@pytest.mark.slow
def test_the_same_file_corrected_is_the_same_heart(tmp_path: Path) -> None:
    run(tmp_path)
    small_heart(tmp_path, size=52)
    note = f"note: {tmp_path / 'small.nrrd'} has changed since the run in {tmp_path / 'out'}, whose result is replaced"
    assert note in run(tmp_path).stderr
    assert run(tmp_path).stderr == ""


def test_a_copy_of_the_input_elsewhere_is_the_same_heart(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "moved.nrrd").write_bytes((tmp_path / "small.nrrd").read_bytes())
    pycemrg("run", RECIPE, tmp_path / "moved.nrrd", "-o", tmp_path / "out", "--no-check")


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("damage", ["{", "[]", '{"input": 3}', '{"output": {}, "input": {"path": "x", "sha256": "y"}}'])
def test_a_record_that_cannot_be_read_protects_its_folder(tmp_path: Path, damage: str) -> None:
    run(tmp_path)
    (tmp_path / "out" / "run.json").write_text(damage)
    before = contents(tmp_path)
    text = run(tmp_path, code=1).stderr
    assert text.startswith(f"error: {tmp_path / 'out' / 'run.json'}")
    assert text.endswith("choose another folder, or replace it with --force\n")
    assert text.count("\n") == 1
    assert contents(tmp_path) == before
    run(tmp_path, "--force")


@pytest.mark.slow
def test_steps_of_another_heart_are_not_replaced(tmp_path: Path) -> None:
    run(tmp_path, "--keep-steps")
    for name in ("run.json", "heart.nrrd"):  # as if interrupted
        (tmp_path / "out" / name).unlink()
    other = small_heart(tmp_path, "other.nrrd", size=52)
    before = contents(tmp_path)
    command = ("run", RECIPE, other, "-o", tmp_path / "out", "--no-check")
    for more in ((), ("--keep-steps",)):
        assert (
            f"{tmp_path / 'out' / 'steps'}: holds the steps of another heart" in pycemrg(*command, *more, code=1).stderr
        )
    assert contents(tmp_path) == before
    pycemrg(*command, "--force")
    assert files(tmp_path) == {"heart.nrrd", "run.json"}


def test_images_of_the_user_in_the_folder_of_steps_stay(tmp_path: Path) -> None:
    own = tmp_path / "out" / "steps" / "01_mine.nrrd"
    own.parent.mkdir(parents=True)
    own.write_text("my own")
    assert "holds 01_mine.nrrd, which no run wrote there" in run(tmp_path, "--keep-steps", code=1).stderr
    run(tmp_path)
    assert own.read_text() == "my own"


@pytest.mark.slow
def test_a_step_is_not_the_input_of_a_run_into_its_folder(tmp_path: Path) -> None:
    run(tmp_path, "--keep-steps")
    step = min((tmp_path / "out" / "steps").glob("*.nrrd"))
    before = contents(tmp_path)
    for more in ((), ("--force",), ("--keep-steps", "--force")):
        text = pycemrg("run", RECIPE, step, "-o", tmp_path / "out", "--no-check", *more, code=1).stderr
        assert text == f"error: {step}: the result would replace the folder of its input; choose another folder\n"
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_outputs_say_of_which_heart_they_are(tmp_path: Path) -> None:
    run(tmp_path, "--with", "picture,certificate,slicer-table,itksnap-table", code=1)
    sha256 = record(tmp_path)["output"]["voxels_sha256"]
    certificate = json.loads((tmp_path / "out" / "certificate.json").read_text())
    assert certificate["input"] == {"name": "heart.nrrd", "voxels_sha256": sha256}
    with Image.open(tmp_path / "out" / "slices.png") as picture:
        assert picture.info["voxels_sha256"] == sha256
    grown, _ = read_volume(tmp_path / "out" / "heart.nrrd")
    for name in ("heart.ctbl", "heart.label"):
        assert (tmp_path / "out" / name).read_text().endswith(f"\n# voxels_sha256 {sha256}\n")
        assert {row.value for row in read_label_file(tmp_path / "out" / name)} == {*grown.boxes}


@pytest.mark.slow
def test_a_run_again_can_write_them_too(tmp_path: Path) -> None:
    run(tmp_path, "--with", "picture,itksnap-table")
    pycemrg("run", "--again", tmp_path / "out" / "run.json", "-o", tmp_path / "b", "--with", "picture,itksnap-table")
    for name in ("slices.png", "heart.label"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


@pytest.mark.parametrize("fields", [{"file": "a/b"}, {"file": ".x"}, {"file": 3}, {"needs": "counts"}, {"uses": [3]}])
def test_a_record_that_cannot_be_right_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        Output(**{"name": "o", "file": "o.txt", "summary": "", "function": Ref("a:b"), **fields})


def test_outputs_are_listed_and_described() -> None:
    listed = {one["name"]: one["file"] for one in json.loads(pycemrg("list-outputs", "--json").stdout)}
    assert (
        listed.items()
        >= {
            "picture": "slices.png",
            "certificate": "certificate.json",
            "slicer-table": "heart.ctbl",
            "itksnap-table": "heart.label",
        }.items()
    )
    assert "slices.png" in pycemrg("describe", "picture").stdout


# ---------------------------------------------------------------------------------- what is not loaded

BUILT_IN = ("builtin", "certificate", "demo", "fusing", "labels", "pictures", "readers")


def test_the_hints_are_what_the_plugins_contribute() -> None:
    """Every command and output of our plugins, each with its plugin and distribution; nothing else."""
    catalogue = load_catalogue()
    known = {one["plugin"]: one for one in install_hints.hints()}
    for plugin in catalogue.plugins:
        if not (ROOT / "plugins" / plugin.found.distribution).is_dir() and not plugin.found.built_in:
            continue
        mine: dict[str, set[str]] = {}
        for kind, section in ((Command, "commands"), (Output, "outputs"), (Schematic, "schematics")):
            names = {one.name for one in plugin.records if type(one) is kind}
            if names and plugin.found.name != "builtin":
                mine[section] = names
        hint = known.pop(plugin.found.name, {})
        assert {key: set(hint[key]) for key in mine} == mine, plugin.found.name
        if hint:
            assert hint["distribution"] == plugin.found.distribution
            assert (ROOT / hint["folders"][-1] / "pyproject.toml").is_file()
    for name in known:  # not installed here
        assert (ROOT / "plugins" / f"pycemrg-{name}").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("blocked", BUILT_IN)
def test_each_built_in_plugin_can_be_blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocked: str) -> None:
    """The rest works; what the plugin would do says which plugin is blocked."""
    monkeypatch.setenv("PYCEMRG_PLUGINS", f"-{blocked},-report,-cohort,-metrics,-augment,-spatial")
    heart = small_heart(tmp_path)
    for command in (("list-plugins",), ("--help",), ("list-outputs",), ("bug-report",)):
        pycemrg(*command)
    out = tmp_path / "out"
    uses = {
        "builtin": [("run", RECIPE, heart, "-o", out)],
        "labels": [
            ("labels", "show", heart),
            ("clean", heart, "-o", out),
            (*_run(heart, out), "--with", "slicer-table"),
        ],
        "certificate": [
            ("certify", heart),
            ("repair", heart, "-o", out),
            (*_run(heart, out), "--with", "certificate"),
            (*_run(heart, out), "--then", "repair"),
        ],
        "pictures": [(*_run(heart, out), "--with", "picture")],
        "demo": [("demo", "-o", out)],
        "fusing": [("fuse", heart, "--plan")],
        "readers": [],
    }
    for command in uses.pop(blocked):
        text = pycemrg(*command, code=1).stderr
        by_catalogue = "(blocked by name: " in text and blocked in text.rpartition("by name: ")[2]
        assert f"{blocked!r}, which is blocked (blocked by name)" in text or by_catalogue, text
    assert not out.exists()
    if blocked == "builtin":
        return
    result = pycemrg(*_run(heart, out))
    unchecked = "note: no anatomy check was made: no loaded plugin checks images before a run"
    assert (unchecked in result.stderr) is (blocked == "labels")
    notes = json.loads((out / "run.json").read_text(encoding="utf-8"))["warnings"]
    assert any(note.startswith("no anatomy check was made") for note in notes) is (blocked == "labels")
    pycemrg("plan", RECIPE, heart)
    if blocked != "labels":
        pycemrg("labels", "volumes", heart)
    if blocked != "certificate":
        pycemrg("certify", out / "heart.nrrd", "--recipe", RECIPE, code=1)


def _run(heart: Path, out: Path) -> tuple[object, ...]:
    return ("run", RECIPE, heart, "-o", out)


@pytest.mark.slow
def test_the_demo_goes_without_what_is_blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCEMRG_PLUGINS", "-pictures,-certificate,-report")
    pycemrg("demo", "-o", tmp_path / "out")
    assert files(tmp_path) == {"heart.nrrd", "run.json", "input.nrrd"}


def test_what_is_not_installed_says_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pycemrg_core.plugins import loading

    found = tuple(one for one in loading.discover() if one.built_in)
    monkeypatch.setattr(loading, "discover", lambda *_: found)
    text = pycemrg("compare", "a.nrrd", "b.nrrd", code=1).stderr
    assert text == (
        "error: the command 'compare' belongs to the plugin 'metrics', which is not installed;"
        " in a checkout of pycemrg: python3 -m pip install . ./plugins/pycemrg-metrics\n"
    )
    assert (
        "the output 'report' belongs to the plugin 'report', which is not installed"
        in run(tmp_path, "--with", "report", code=1).stderr
    )


def test_a_file_of_a_run_is_not_replaced_by_another_command(tmp_path: Path) -> None:
    """Also by another name, and through a link. A file that the user changed is the user's."""
    heart, out = small_heart(tmp_path), tmp_path / "out"
    pycemrg("run", RECIPE, heart, "-o", out, "--no-check", "--with", "itksnap-table")
    before = contents(out)
    (tmp_path / "link.nrrd").symlink_to(out / "heart.nrrd")
    table = next(path for path in out.iterdir() if path.suffix not in (".nrrd", ".json"))
    for command in (
        ("labels", "keep", heart, "LV_BP_label", "-o", out / "heart.nrrd"),
        ("labels", "remap", heart, "--map", "1=7", "--merge", "-o", tmp_path / "link.nrrd"),
        ("clean", heart, "--fill-holes", "-o", out / "heart.nrrd"),
        ("repair", heart, "-o", out / "heart.nrrd"),
        ("labels", "suggest", heart, "-o", table),
        ("labels", "suggest", heart, "-o", out / "run.json"),
    ):
        assert "belongs to the result of a run" in pycemrg(*command, code=1).stderr
    assert contents(out) == before
    (out / "heart.nrrd").write_bytes(heart.read_bytes())
    pycemrg("labels", "keep", heart, "LV_BP_label", "-o", out / "heart.nrrd")
