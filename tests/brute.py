"""The truth, slowly: every rule as it is stated, on whole arrays, for the tests to compare with.

Arrays and spacing are (z, y, x). Nothing here uses the library's geometry; it only builds the
library's records and catalogues, and starts runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from attrs import field, frozen
from scipy import ndimage

from pycemrg_core import Catalogue, Policy, Recipe, Schematic, Settings, load_catalogue, plan
from pycemrg_core.images.image_files import volume_of
from pycemrg_core.plugins.catalogue import compose
from pycemrg_core.plugins.loading import GROUP, Found, Plugin, State
from pycemrg_core.recipes.preparation import prepare
from pycemrg_core.recipes.runner import Event, Resume, run_plan

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
Measure = Callable[[Mask, Spacing], Array]


@frozen
class Row:
    """One structure: what ``kind`` of step makes ``target`` from ``inputs``, how thick, over what.

    ``inputs``: create (source,); valve (A, B); ring (vein, wall); push (pusher, pushed blood pool).
    ``application``: (mode, label, label, ...) each.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    target: int
    mm: float
    application: tuple[tuple[Any, ...], ...] = field(default=(), converter=tuple)


ADD = ("ADD",)
ONLY = "REPLACE_ONLY"
EXCEPT = "REPLACE_EXCEPT"
MODES = ("ADD", "REPLACE", ONLY, EXCEPT)

TABLE = {
    row.name: row
    for row in (
        Row("lv_outflow", "create", (1,), 2, 2.0, [ADD]),
        Row("aortic_wall", "create", (6,), 106, 2.0, [(EXCEPT, 1, 2, 6)]),
        Row("pulmonary_artery", "create", (7,), 107, 2.0, [(EXCEPT, 3, 106, 6)]),
        Row("rv_myocardium", "create", (3,), 103, 3.5, [(ONLY, 106)]),
        Row("la_myocardium", "create", (4,), 104, 2.0, [(ONLY, 5), (ONLY, 13)]),
        Row("ra_myocardium", "create", (5,), 105, 2.0, [(ONLY, 10)]),
        Row("mitral_valve", "valve", (4, 1), 201, 4.0, [("REPLACE",)]),
        Row("tricuspid_valve", "valve", (5, 3), 202, 4.0, [("REPLACE",)]),
        Row("aortic_valve", "valve", (6, 1), 203, 4.0, [("REPLACE",)]),
        Row("pulmonary_valve", "valve", (7, 3), 204, 4.0, [("REPLACE",)]),
        Row("lpv1_ring", "ring", (8, 104), 208, 2.0),
        Row("lpv2_ring", "ring", (9, 104), 209, 2.0),
        Row("rpv1_ring", "ring", (10, 104), 210, 2.0, [(ONLY, 13)]),
        Row("rpv2_ring", "ring", (11, 104), 211, 2.0),
        Row("laa_ring", "ring", (12, 104), 212, 2.0),
        Row("svc_ring", "ring", (13, 105), 213, 2.0, [(ONLY, n) for n in (106, 104, 210, 10, 211, 11)]),
        Row("ivc_ring", "ring", (14, 105), 214, 2.0),
        Row("part_push_aorta", "push", (106, 7), 107, 2.0),
        Row("part_push_lv", "push", (2, 7), 107, 2.0),
        Row("la_push_aorta", "push", (106, 4), 104, 2.0),
        Row("rv_push_aorta", "push", (106, 3), 103, 3.5),
    )
}

_LEFT = ["la_myocardium", "lpv1_ring", "lpv2_ring", "rpv1_ring", "rpv2_ring", "laa_ring"]
_RIGHT = ["ra_myocardium", "svc_ring", "ivc_ring"]
_VALVES = ["mitral_valve", "tricuspid_valve", "aortic_valve", "pulmonary_valve"]
_WALLS = ["lv_outflow", "aortic_wall", "pulmonary_artery", "part_push_aorta", "part_push_lv"]
_WALLS += ["rv_myocardium", "la_myocardium", "la_push_aorta", "ra_myocardium", "rv_push_aorta"]

RECIPES = {
    "biventricular_basic": ["lv_outflow", "rv_myocardium", *_VALVES],
    "four_chamber_myocardium": _WALLS,
    "four_chamber_full": _WALLS + _VALVES,
    "left_atrium_with_veins": _LEFT,
    "right_atrium_with_veins": _RIGHT,
    "atria_full": _LEFT + _RIGHT,
}


def all_pairs(mask: Mask, spacing: Spacing) -> Array:
    """The distance in mm from each voxel's centre to the nearest centre in the mask; inf when it is empty."""
    squared = np.full(mask.shape, np.inf)
    z, y, x = (np.arange(size) * step for size, step in zip(mask.shape, spacing, strict=True))
    for k, j, i in np.argwhere(mask):
        here = ((z - z[k]) ** 2)[:, None, None] + ((y - y[j]) ** 2)[:, None] + (x - x[i]) ** 2
        np.minimum(squared, here, out=squared)
    return np.sqrt(squared)


def transform(mask: Mask, spacing: Spacing) -> Array:
    """As ``all_pairs``, by scipy's exact transform of the full volume."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    found: Array = ndimage.distance_transform_edt(~mask, sampling=spacing)
    return found


def limit(mm: float, spacing: Spacing) -> float:
    """The largest distance that counts as ``mm``."""
    return mm + 1e-3 * min(spacing)


def write(image: Array, mask: Mask, new: int, application: Iterable[tuple[Any, ...]]) -> Array:
    """One application step after the other, each on what the one before left."""
    for mode, *labels in application:
        allowed = {
            "ADD": image == 0,
            "REPLACE": np.ones(image.shape, bool),
            ONLY: (image == 0) | np.isin(image, labels),
            EXCEPT: ~np.isin(image, labels),
        }[mode]
        image = np.where(mask & allowed, new, image).astype(image.dtype)
    return image


def step(image: Array, row: Row, spacing: Spacing, before_rings: Array, measure: Measure = all_pairs) -> Array:
    """The image after one step. ``before_rings`` is the image as it was before the recipe's first ring."""

    def distance(source: Array, label: int) -> Array:
        return measure(source == label, spacing)

    far = limit(row.mm, spacing)
    if row.kind == "create":
        d = distance(image, row.inputs[0])
        return write(image, (d > 0) & (d <= far), row.target, row.application)
    if row.kind == "valve":
        a, b = row.inputs
        return write(image, (image == b) & (distance(image, a) <= far), row.target, row.application)
    if row.kind == "ring":
        vein, wall = row.inputs
        d = distance(before_rings, vein)
        mask = (d > 0) & (d <= far) & (distance(image, wall) <= far)
        return write(image, mask, row.target, row.application or [ADD])
    pusher, pool = row.inputs
    return np.where((image == pool) & (distance(image, pusher) <= far), row.target, image).astype(image.dtype)


def run(image: Array, rows: Iterable[Row], spacing: Spacing, measure: Measure = all_pairs) -> Array:
    """The image after all rows, in order."""
    before_rings = None
    for row in rows:
        if row.kind == "ring" and before_rings is None:
            before_rings = image
        image = step(image, row, spacing, image if before_rings is None else before_rings, measure)
    return image


# For each kind: the roles of a row's inputs, of its target and of its thickness.
_ROLES = {
    "create": ("SOURCE_BLOOD_POOL_NAME", "TARGET_MYOCARDIUM_NAME", "WALL_THICKNESS_PARAMETER_NAME"),
    "valve": (
        "STRUCTURE_A_NAME",
        "STRUCTURE_B_NAME",
        "TARGET_VALVE_NAME",
        "INTERSECTION_THICKNESS_PARAMETER_NAME",
    ),
    "ring": (
        "SOURCE_VEIN_LABEL_NAME",
        "ATRIUM_MYOCARDIUM_NAME",
        "TARGET_RING_LABEL_NAME",
        "RING_THICKNESS_PARAMETER_NAME",
    ),
    "push": (
        "PUSHER_WALL_NAME",
        "PUSHED_BLOOD_POOL_NAME",
        "PUSHED_WALL_NAME",
        "PUSHED_WALL_THICKNESS_PARAMETER_NAME",
    ),
}


def schematic(row: Row) -> Schematic:
    """The row as a record; label n is called ``label_n`` and the thickness ``NAME_mm``."""
    values = [*row.inputs, row.target]
    named = {f"label_{n}": n for n in values}
    roles: dict[str, Any] = dict(
        zip(_ROLES[row.kind], [*map("label_{}".format, values), f"{row.name}_mm"], strict=True)
    )
    if row.kind != "push":
        roles["APPLICATION_STEPS"] = [
            {"MODE": mode, "RULE_LABEL_NAMES": [f"label_{n}" for n in labels]} for mode, *labels in row.application
        ]
        named.update({f"label_{n}": n for _, *labels in row.application for n in labels})
    return Schematic(
        name=row.name,
        step=row.kind,
        labels=named,
        parameters={f"{row.name}_mm": row.mm},
        semantic_map=roles,
    )


def recipe(*rows: Row) -> tuple[Recipe, Catalogue]:
    """A recipe of these rows, and a catalogue that knows them."""
    return Recipe(name="rows", steps=[row.name for row in rows]), catalogue(*map(schematic, rows))


def plugin(name: str, *records: Any) -> Plugin:
    """A loaded plugin that contributes these records."""
    return Plugin(Found(name, name, "1", GROUP, name), State.LOADED, records=records)


@cache
def built_in() -> tuple[Plugin, ...]:
    """The plugins that come with the core."""
    everything = load_catalogue(Policy(allow=frozenset())).plugins
    return tuple(one for one in everything if one.state is State.LOADED)


def catalogue(*records: Any) -> Catalogue:
    """The built-in catalogue, with these records added by a plugin called ``stranger``."""
    return compose([*built_in(), plugin("stranger", *records)])


def image_of(array: Array, spacing: Spacing = (1.0, 1.0, 1.0)) -> sitk.Image:
    """An image of a (z, y, x) array and spacing."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(tuple(reversed(spacing)))
    return image


def events(
    recipe: str | Recipe, image: sitk.Image, catalogue: Catalogue, *, resume: Resume | None = None
) -> Iterator[Event]:
    """Plan a recipe and run it, event by event."""
    prepared = prepare(volume_of(image), catalogue, Settings(), recipe=recipe, check=False)
    return run_plan(plan(recipe, catalogue, prepared.facts), prepared, resume=resume)
