"""Outputs, the files that a finished run can write next to its result: chosen before the run, made after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import Factory, frozen

from pycemrg_core.api.records import Output
from pycemrg_core.errors import OutputError, PycemrgError, blaming
from pycemrg_core.plugins.catalogue import Catalogue, Contribution
from pycemrg_core.runs.finished import FinishedRun
from pycemrg_core.runs.run_folder import IMAGE, RECORD, STEPS

_TAKEN = {IMAGE, RECORD, STEPS}


@frozen
class Made:
    """What an output made: the bytes of its file, a verdict if it gives one, and a line for the user."""

    content: bytes
    verdict: bool | None = None
    summary: str = ""


@frozen
class Outputs:
    """The outputs made for a run, in order, and the errors of those that could not be made."""

    made: tuple[tuple[Contribution[Output], Made], ...] = ()
    failures: tuple[PycemrgError, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(contribution.record.file for contribution, _ in self.made)

    @property
    def verdict(self) -> bool | None:
        """False if an output's verdict is False, True if all verdicts are True, None without a verdict."""
        verdicts = [made.verdict for _, made in self.made if made.verdict is not None]
        return all(verdicts) if verdicts else None


def choose_outputs(catalogue: Catalogue, names: Iterable[str]) -> tuple[Contribution[Output], ...]:
    """The outputs with these names and the outputs that they need. Each comes once, after those that it needs.

    Their code is imported, so that a broken output is refused before anything runs. Raises the catalogue's errors for
    a name, and :class:`OutputError` when code cannot be imported, or outputs need each other or share a file.
    """
    chosen: list[Contribution[Output]] = []
    for name in names:
        _choose(catalogue, catalogue.find(Output, name), chosen, ())
    files: dict[str, Contribution[Output]] = {}
    for one in chosen:
        file = one.record.file
        if file.lower() in _TAKEN:
            raise OutputError(f"output {one.name!r} of {one.provider} writes {file}, a file of the run; rename it")
        if (other := files.setdefault(file.lower(), one)) is not one:
            raise OutputError(
                f"the outputs {other.qualified_name} and {one.qualified_name} both write {file}; choose one"
            )
        with blaming(OutputError, f"output {one.name!r} of {one.provider}"):
            one.record.function.load()
    return tuple(chosen)


def _choose(
    catalogue: Catalogue, one: Contribution[Output], chosen: list[Contribution[Output]], inside: tuple[str, ...]
) -> None:
    if one in chosen:
        return
    if one.qualified_name in inside:
        chain = " > ".join([*inside, one.qualified_name])
        raise OutputError(f"output {one.name!r} needs itself: {chain}; remove one of these needs")
    for needed in _needed(catalogue, one):
        _choose(catalogue, needed, chosen, (*inside, one.qualified_name))
    chosen.append(one)


def _needed(catalogue: Catalogue, one: Contribution[Output]) -> Iterator[Contribution[Output]]:
    for name in one.record.needs:
        try:
            yield catalogue.find(Output, name)
        except PycemrgError as error:
            raise OutputError(f"output {one.name!r} of {one.provider} needs the output {name!r}: {error}") from error
    for name in one.record.uses:
        if any(other.answers_to(name) for other in catalogue.all(Output)):
            yield catalogue.find(Output, name)


def output_faults(record: Output, catalogue: Catalogue) -> Iterator[str]:
    """What is wrong with the outputs that one needs or uses, and with the name of its file."""
    if record.file.lower() in _TAKEN:
        yield f"it would write {record.file}, which is the run's own file"
    unknown = False
    for name in record.needs:
        try:
            catalogue.find(Output, name)
        except PycemrgError as error:
            unknown = True
            yield f"it needs the output {name!r}: {error}"
    for one in catalogue.all(Output):
        if one.record is record and not unknown:
            try:
                _choose(catalogue, one, [], ())
            except PycemrgError as error:
                yield str(error).replace(f"output {record.name!r} needs itself", "it needs itself")


def make_outputs(run: FinishedRun, chosen: Iterable[Contribution[Output]]) -> Outputs:
    """Make each of the chosen outputs. If one fails, only it and the outputs that need it are missing."""
    return _Maker(run).outputs(chosen)


@frozen
class _Maker:
    run: FinishedRun
    made: dict[str, Made] = Factory(dict)

    def outputs(self, chosen: Iterable[Contribution[Output]]) -> Outputs:
        done, failures = [], []
        for one in chosen:
            try:
                made = self._make(one)
            except PycemrgError as error:
                failures.append(error)
                continue
            self.made[one.qualified_name] = made
            done.append((one, made))
        return Outputs(tuple(done), tuple(failures))

    def _make(self, one: Contribution[Output]) -> Made:
        who = f"output {one.name!r} of {one.provider}"
        given = {}
        for name in (*one.record.needs, *one.record.uses):
            found = [other for other in self.run.catalogue.all(Output) if other.answers_to(name)]
            if found and found[0].qualified_name in self.made:
                given[name] = self.made[found[0].qualified_name]
            elif name in one.record.needs:
                raise OutputError(f"{who} needs the output {name!r}, which was not made; see its error")
        with blaming(OutputError, who):
            function = one.record.function.load()
        with blaming(OutputError, who, function):
            made = function(self.run, given)
            if not isinstance(made, Made):
                raise OutputError(f"it returned {made!r:.80}; return Made(bytes)")
            if not isinstance(made.content, bytes):
                instead = "use .encode()" if isinstance(made.content, str) else f"it is {made.content!r:.80}"
                raise OutputError(f"content must be bytes: {instead}")
            if made.verdict is not None and type(made.verdict) is not bool:
                raise OutputError(
                    f"the verdict is {made.verdict!r:.80}; give True, False or None, such as bool(verdict)"
                )
            if not isinstance(made.summary, str):
                raise OutputError(f"the summary is {made.summary!r:.80}; give text")
            return made
