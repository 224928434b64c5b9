"""Draw the pictures of the documents from the heart that ships: python docs/make_pictures.py"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyvista as pv
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from pycemrg_mesh import mesh_heart
from pycemrg_mesh.faces import faces_of

from pycemrg_core import (
    LabelVolume,
    Recipe,
    RecipeStep,
    RunResult,
    Settings,
    StepFinished,
    include,
    load_catalogue,
    plan,
    prepare,
    run_plan,
    run_recipe,
)
from pycemrg_core.api import Heart
from pycemrg_core.images.image_files import image_of, oriented_lps, read_labels, volume_of, voxel_array
from pycemrg_core.images.structures import colours_of
from pycemrg_core.plugins.catalogue import Catalogue
from schematics_builtin.fusing import Grid, fuse
from schematics_builtin.pictures import colour_of, draw_slices

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from fusing_trials import sources_of
from tool_outputs import resampled, tool_outputs

IMAGES = Path(__file__).parent / "images"
TILE, GAP, LEGEND = 340, 12, 26
# picture, what runs before, the schematic drawn, array axis (z, y, x) that the slice crosses, margin in voxels
STEPS = (
    ("create", ("lv_outflow",), "aortic_wall", 0, 16),
    ("valve", ("four_chamber_myocardium",), "mitral_valve", 1, 14),
    ("ring", ("la_myocardium",), "lpv1_ring", 1, 14),
    ("push", ("lv_outflow", "aortic_wall", "la_myocardium"), "la_push_aorta", 0, 10),
)
# Thicker than its default, so that the picture shows what a push does.
PARAMETERS = {"la_push_aorta": {"LA_WT": 4.0}}
RECIPES = ("biventricular_basic", "four_chamber_full", "atria_full", "four_chamber_closed")
# Groups of steps of the closed heart: picture, the last step of the group, what it must have made and where to cut:
# the structure in the middle, the axis (z, y, x) that the slice crosses, half the width in voxels.
CLOSED = "four_chamber_closed"
GROUPS = (
    ("closed_input", "ivc_skirt", "IVC_label", 1, 22),
    ("closed_atria", "la_push_aorta", "LA_BP_label", 0, 46),
    ("closed_ventricles", "rv_push_aorta", "RV_BP_label", 0, 62),
    ("closed_valves", "ao_close_contact", "AV_label", 1, 34),
    ("closed_veins", "ivc_plane", "SVC_ring_label", 1, 30),
    ("closed_ends", "make_manifold", "Ao_BP_label", 2, 40),
)


def main() -> None:
    heart, _ = read_labels(str(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd"))
    catalogue = load_catalogue()
    colours = colours_of(catalogue)
    for picture, before, schematic, axis, margin in STEPS:
        old, new, names = before_and_after(heart, catalogue, before, schematic)
        draw_step(old, new, axis, margin, names, colours, IMAGES / f"{picture}.png")
    for recipe in RECIPES:
        result = run_recipe(recipe, heart, catalogue)
        names = {value: name for name, value in result.record.labels.items()}
        draw_slices(heart, result.image, names, colours, IMAGES / f"{recipe}.png")
        shrink(IMAGES / f"{recipe}.png")
    draw_closed(heart, catalogue, colours)
    draw_fused(volume_of(heart), catalogue, colours)
    draw_mesh(heart, catalogue, colours)


def draw_closed(heart: sitk.Image, catalogue: Catalogue, colours: dict[str, str]) -> None:
    """A picture of each group of steps of the closed heart, before and after it."""
    prepared = prepare(volume_of(heart), catalogue, Settings(), recipe=CLOSED)
    states = {"": prepared.volume}
    for event in run_plan(plan(CLOSED, catalogue, prepared.facts), prepared):
        if isinstance(event, StepFinished) and event.record.name in [last for _, last, *_ in GROUPS]:
            states[event.record.name] = event.volume.copy()
        elif isinstance(event, RunResult):
            names = {value: name for name, value in event.record.labels.items()}
    arrays = [voxel_array(oriented_lps(image_of(state))) for state in states.values()]
    values = {name: value for value, name in names.items()}
    for (picture, _, middle, axis, half), old, new in zip(GROUPS, arrays, arrays[1:], strict=False):
        at = np.median(np.argwhere(new == values[middle]), axis=0).astype(int)
        draw_tiles((old, new), at, axis, half, names, colours, IMAGES / f"{picture}.png")


def draw_fused(heart: LabelVolume, catalogue: Catalogue, colours: dict[str, str]) -> None:
    """What segmentation tools write, painted over each other, the heart that is made of it, and the closed one."""
    made = tool_outputs(heart, 1)
    fused = fuse(sources_of(made), catalogue, grid=Grid.of(made.chambers))
    closed = run_recipe(CLOSED, fused.volume, catalogue)
    names = {value: name for name, value in (*fused.labels.items(), ("pulmonary_veins_label", 15))}
    names |= {value: name for name, value in closed.record.labels.items()}
    naive = np.zeros_like(made.chambers.array)
    total = resampled(made.total, made.chambers).array
    for array, table in (
        (made.chambers.array, {1: 2, 2: 4, 3: 1, 4: 5, 5: 3, 6: 6, 7: 7}),
        (total, {53: 15, 61: 12, 62: 13, 63: 14}),
    ):
        for old, new in table.items():
            naive[array == old] = new
    at = np.median(np.argwhere(fused.volume.array == 4), axis=0).astype(int)
    states = [naive, fused.volume.array, closed.volume.array]
    draw_tiles(states, at, 1, 78, names, colours, IMAGES / "fused.png", ("before", "fused", "closed"))
    left_heart = (4, *range(8, 13), 15)
    views = [[(v, names[v], volume) for v in left_heart if (volume.array == v).any()]
             for volume in (made.chambers.with_array(naive), fused.volume)]  # fmt: skip
    draw_from_behind(views, colours, IMAGES / "fused_veins.png")


def draw_from_behind(views: list[list[tuple[int, str, LabelVolume]]], colours: dict[str, str], path: Path) -> None:
    """Write surfaces of labels, seen from behind the patient, side by side, each with its name where it is a vein."""
    plotter = pv.Plotter(off_screen=True, shape=(1, len(views)), window_size=(1400, 640), border=False)
    for number, view in enumerate(views):
        plotter.subplot(0, number)
        plotter.set_background("white")
        for value, name, volume in view:
            grid = pv.ImageData(dimensions=volume.array.shape[::-1], spacing=volume.spacing[::-1])
            mask = (volume.array == value).astype(np.float32).ravel()
            surface = grid.contour([0.5], scalars=mask).smooth_taubin(n_iter=30, pass_band=0.1)
            plotter.add_mesh(surface, color=colour_of(value, name, colours), smooth_shading=True, ambient=0.3)
            if value != 4:
                label = name.removesuffix("_label").replace("_", " ")
                plotter.add_point_labels(
                    [surface.center], [label], font_size=22, shape_color="white", shape_opacity=0.8,
                    always_visible=True, show_points=False,
                )  # fmt: skip
        plotter.camera_position = "xz"
        plotter.camera.azimuth = 180
        plotter.camera.elevation = 15
        plotter.reset_camera()
        plotter.enable_parallel_projection()
        plotter.camera.parallel_scale = 48  # mm: the same for all
    page = Image.fromarray(plotter.screenshot(return_img=True))
    page.thumbnail((1000, 1000))
    page.quantize(64).save(path, optimize=True)


def draw_mesh(heart: sitk.Image, catalogue: Catalogue, colours: dict[str, str]) -> None:
    """The mesh of the closed heart: the tetrahedra behind a coronal plane, seen from the front."""
    volume = run_recipe(CLOSED, heart, catalogue).volume
    mesh = mesh_heart(Heart(volume=volume), catalogue).mesh
    middle = (mesh.points.min(axis=0) + mesh.points.max(axis=0)) / 2
    behind = mesh.points[mesh.tetrahedra].mean(axis=1)[:, 1] > middle[1]
    faces = faces_of(mesh.tetrahedra[behind])
    tags = mesh.tags[behind][faces.owner]
    names = {int(tag): volume.blueprint.name(int(tag)) for tag in np.unique(tags)}
    shown = pv.PolyData.from_regular_faces(mesh.points, faces.boundary)
    shown.cell_data["colour"] = np.array([colour_of(int(tag), names[int(tag)], colours) for tag in tags], np.uint8)
    plotter = pv.Plotter(off_screen=True, window_size=(1040, 960))
    plotter.set_background("white")
    plotter.add_mesh(shown, scalars="colour", rgb=True, show_edges=True, edge_color="#2b2d33", edge_opacity=0.3)
    plotter.camera_position = [middle - (0, 400, 0), middle, (0, 0, 1)]
    plotter.camera.zoom(1.6)
    page = Image.fromarray(plotter.screenshot(return_img=True))
    page = page.crop(ImageOps.invert(page).getbbox())
    page.thumbnail((600, 600))
    page.quantize(48).save(IMAGES / "mesh.png", optimize=True)


def before_and_after(
    heart: sitk.Image, catalogue: Catalogue, before: tuple[str, ...], schematic: str
) -> tuple[NDArray[np.integer], NDArray[np.integer], dict[int, str]]:
    """The heart just before a schematic and just after it, as (z, y, x) arrays in LPS order, and its labels' names."""
    steps = [include(name) if name.startswith("four") else name for name in before]
    last = RecipeStep(schematic=schematic, parameters=PARAMETERS.get(schematic, {}))
    recipes = [Recipe(name="before", steps=tuple(steps)), Recipe(name="after", steps=(*steps, last))]
    results = [run_recipe(recipe, heart, catalogue) for recipe in recipes]
    old, new = (voxel_array(oriented_lps(result.image)) for result in results)
    return old, new, {value: name for name, value in results[1].record.labels.items()}


def draw_step(
    old: NDArray[np.integer],
    new: NDArray[np.integer],
    axis: int,
    margin: int,
    names: dict[int, str],
    colours: dict[str, str],
    path: Path,
) -> None:
    """Write one slice before and after a step, through the middle of what it changes."""
    middle = int(np.median(np.nonzero(old != new)[axis]))
    slices = [np.moveaxis(array, axis, 0)[middle] for array in (old, new)]
    where = np.nonzero(slices[0] != slices[1])
    box = tuple(slice(max(int(at.min()) - margin, 0), int(at.max()) + margin + 1) for at in where)
    write_tiles(slices, box, axis, names, colours, path)


def draw_tiles(
    states: Sequence[NDArray[np.integer]],
    at: NDArray[np.integer],
    axis: int,
    half: int,
    names: dict[int, str],
    colours: dict[str, str],
    path: Path,
    titles: tuple[str, ...] = ("before", "after"),
) -> None:
    """Write one slice of each state, a square round a voxel."""
    slices = [np.moveaxis(array, axis, 0)[at[axis]] for array in states]
    box = tuple(slice(max(int(i) - half, 0), int(i) + half) for k, i in enumerate(at) if k != axis)
    write_tiles(slices, box, axis, names, colours, path, titles)


def write_tiles(
    slices: list[NDArray[np.integer]],
    box: tuple[slice, ...],
    axis: int,
    names: dict[int, str],
    colours: dict[str, str],
    path: Path,
    titles: tuple[str, ...] = ("", ""),
) -> None:
    cut = [labels[square(box, labels.shape)] for labels in slices]
    cut = [labels[::-1] if axis else labels for labels in cut]  # superior up
    page = Image.new("RGB", (len(cut) * (TILE + GAP) - GAP, TILE), "white")
    font = ImageFont.load_default(15)
    for i, (labels, title) in enumerate(zip(cut, titles, strict=True)):
        page.paste(tile(labels, names, colours), (i * (TILE + GAP), 0))
        ImageDraw.Draw(page).text((i * (TILE + GAP) + 6, TILE - 22), title, (28, 30, 36), font=font)
    shown = sorted(set(np.unique(np.concatenate(cut)).tolist()) - {0})
    with_legend(page, shown, names, colours).save(path)
    shrink(path)


def square(box: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A box as large down as across, inside an array; the voxels of the heart are cubes."""
    side = min(max(axis.stop - axis.start for axis in box), *shape)
    starts = [
        min(max((axis.start + axis.stop - side) // 2, 0), size - side) for axis, size in zip(box, shape, strict=True)
    ]
    return tuple(slice(start, start + side) for start in starts)


def tile(labels: NDArray[np.integer], names: dict[int, str], colours: dict[str, str]) -> Image.Image:
    values, inverse = np.unique(labels, return_inverse=True)
    palette = [
        (243, 244, 246) if not value else colour_of(int(value), names.get(int(value), ""), colours) for value in values
    ]
    pixels = np.array(palette, np.uint8)[inverse.reshape(labels.shape)]
    return Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.NEAREST)


def with_legend(page: Image.Image, shown: list[int], names: dict[int, str], colours: dict[str, str]) -> Image.Image:
    font, across = ImageFont.load_default(15), 5
    lines = -(-len(shown) // across)
    whole = Image.new("RGB", (page.width, page.height + lines * LEGEND + 8), "white")
    whole.paste(page, (0, 0))
    draw = ImageDraw.Draw(whole)
    for i, label in enumerate(shown):
        left, top = (i % across) * page.width // across + 6, page.height + 8 + i // across * LEGEND
        name = names.get(label, "")
        draw.rounded_rectangle((left, top, left + 14, top + 14), 3, fill=colour_of(label, name, colours))
        draw.text((left + 21, top - 2), f"{label} {name.removesuffix('_label')}", (28, 30, 36), font=font)
    return whole


def shrink(path: Path) -> None:
    """Write a picture of few colours with a palette."""
    Image.open(path).quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
