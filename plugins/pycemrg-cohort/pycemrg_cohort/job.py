"""The job: what all cases of a cohort have in common, and whether a process can run it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from functools import cache

from attrs import frozen

import pycemrg_core
from pycemrg_cohort.errors import OtherVersionsError
from pycemrg_core import Catalogue, Found, Policy, Settings, State, discover, flatten, load_catalogue, local_plugin
from pycemrg_core.api import LabelScheme, Metric, PycemrgError, Recipe, Schematic, UnknownNameError, from_data, to_data
from pycemrg_core.cli.kit import target_of

THICKNESS = "wall_thickness_median"
_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@frozen(kw_only=True)
class Job:
    """A recipe or a schematic, its settings, the outputs to write for each heart, and the versions that must be used.

    ``check`` is False for ``--no-check``. ``plugins`` are all plugins that the client has loaded.
    """

    recipe: str
    settings: Settings
    check: bool = True
    outputs: tuple[str, ...] = ()
    plugins: tuple[Found, ...] = ()
    python: str = _HERE
    pycemrg: str = pycemrg_core.__version__

    def target(self, catalogue: Catalogue, settings: Settings) -> tuple[str | Recipe, Settings]:
        """What to run with the settings of a case: the recipe, or a recipe of the one schematic."""
        return target_of(self.recipe, catalogue, settings)

    def as_text(self) -> str:
        """JSON for a worker; equal jobs have equal texts."""
        return json.dumps(to_data(self), sort_keys=True)


def loaded_plugins(catalogue: Catalogue) -> tuple[Found, ...]:
    """The plugins with records in a catalogue."""
    return tuple(plugin.found for plugin in catalogue.plugins if plugin.state is State.LOADED)


def parameter_names(recipe: str, catalogue: Catalogue, settings: Settings) -> frozenset[str]:
    """Every parameter of a recipe. Raises the errors of the catalogue for an unknown name."""
    names: set[str] = set()
    target, settings = target_of(recipe, catalogue, settings)
    for step in flatten(target if isinstance(target, Recipe) else catalogue.get(Recipe, target), catalogue):
        own = settings.schematics.get(step.schematic)
        schematic = own or catalogue.get(Schematic, step.schematic)
        names |= {*schematic.parameters, *step.parameters}
    return frozenset(names)


def wall_names(catalogue: Catalogue) -> frozenset[str]:
    """The labels in the group ``walls`` of any label scheme."""
    schemes = [c.record for c in catalogue.all(LabelScheme) if isinstance(c.record, LabelScheme)]
    return frozenset(name for scheme in schemes for name in scheme.groups.get("walls", ()))


def thickness_provider(catalogue: Catalogue) -> Found | None:
    """The plugin that measures walls, if there is one."""
    try:
        return catalogue.find(Metric, THICKNESS).provider
    except UnknownNameError:
        return None


# Cached for the life of the process: imported modules do not change, even if other versions are installed meanwhile.
@cache
def _discovered() -> tuple[Found, ...]:
    return discover()


@cache
def _local(path: str) -> Found:
    return local_plugin(path)


@cache
def ready(text: str) -> tuple[Job, Catalogue]:
    """The job, and the catalogue for it in this process, with only the plugins of the client.

    Raises :class:`OtherVersionsError` naming every difference between this process and the client.
    """
    try:
        job = from_data(json.loads(text), Job)
        here = (*_discovered(), *(_local(found.module) for found in job.plugins if found.local))
    except PycemrgError as error:
        raise OtherVersionsError(str(error)) from error
    different = [*differences(job, here)]
    if not different:
        wanted = {(found.name, found.distribution) for found in job.plugins}
        chosen = [found for found in here if (found.name, found.distribution) in wanted]
        catalogue = load_catalogue(Policy(), found=chosen)
        broken = [plugin for plugin in catalogue.plugins if plugin.state is not State.LOADED]
        different = [f"plugin {plugin.found} fails to load there: {plugin.reason}" for plugin in broken]
    if different:
        raise OtherVersionsError("; ".join(different))
    return job, catalogue


def differences(job: Job, here: Iterable[Found], python: str = _HERE) -> Iterator[str]:
    """The differences between a process with the plugins ``here`` and the needs of a job, one text each."""
    if python != job.python:
        yield f"Python {python} there, {job.python} here"
    if pycemrg_core.__version__ != job.pycemrg:
        yield f"pycemrg-core {pycemrg_core.__version__} there, {job.pycemrg} here"
    versions = {(found.name, found.distribution): found.version for found in here}
    for found in job.plugins:
        version = versions.get((found.name, found.distribution))
        if version is None:
            yield f"plugin {found} is not there"
        elif version != found.version and found.local:
            yield f"plugin {found} has different content there"
        elif version != found.version:
            yield f"plugin {found.name}: {found.distribution} {version} there, {found.version} here"
