"""The contributions of the metrics plugin; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Measures, Metric, Ref, hookimpl

_IMAGES, _SEGMENTATIONS = Measures.IMAGES, Measures.SEGMENTATIONS
_STRUCTURE, _STRUCTURES = Measures.STRUCTURE, Measures.STRUCTURES

# name, what it is given, unit, module, summary
_METRICS = (
    ("mse", _IMAGES, "", "images", "mean squared error"),
    ("psnr", _IMAGES, "dB", "images", "peak signal-to-noise ratio"),
    ("ssim", _IMAGES, "", "images", "structural similarity in 3-D"),
    ("ssim_gaussian", _IMAGES, "", "images", "structural similarity in 3-D with Gaussian weights"),
    ("gradient_error", _IMAGES, "1/mm", "images", "mean length of the difference between the gradients"),
    ("gradient_error_x", _IMAGES, "1/mm", "images", "mean absolute difference between the derivatives along x"),
    ("gradient_error_y", _IMAGES, "1/mm", "images", "mean absolute difference between the derivatives along y"),
    ("gradient_error_z", _IMAGES, "1/mm", "images", "mean absolute difference between the derivatives along z"),
    ("dice", _SEGMENTATIONS, "", "overlap", "twice the common volume, divided by the sum of the volumes"),
    ("jaccard", _SEGMENTATIONS, "", "overlap", "common volume, divided by the volume of the union"),
    ("precision", _SEGMENTATIONS, "", "overlap", "share of the prediction that is in the reference"),
    ("recall", _SEGMENTATIONS, "", "overlap", "share of the reference that is in the prediction"),
    ("volume_difference", _SEGMENTATIONS, "mL", "overlap", "volume of the prediction minus volume of the reference"),
    (
        "relative_volume_difference",
        _SEGMENTATIONS,
        "",
        "overlap",
        "volume difference, divided by the volume of the reference",
    ),
    (
        "hausdorff",
        _SEGMENTATIONS,
        "mm",
        "distances",
        "largest distance from a voxel of one to the nearest of the other",
    ),
    ("hd95", _SEGMENTATIONS, "mm", "distances", "95th percentile of the surface distance, larger of both directions"),
    ("assd", _SEGMENTATIONS, "mm", "distances", "average symmetric surface distance"),
    ("nsd", _SEGMENTATIONS, "", "distances", "share of both surfaces within tolerance_mm of the other"),
    ("volume", _STRUCTURE, "mL", "structures", "volume"),
    ("components", _STRUCTURE, "", "structures", "number of face-connected components"),
    ("euler_number", _STRUCTURE, "", "structures", "components minus tunnels plus cavities"),
    ("wall_thickness_median", _STRUCTURE, "mm", "walls", "median thickness of a wall"),
    ("wall_thickness_p5", _STRUCTURE, "mm", "walls", "5th percentile of the thickness of a wall"),
    ("wall_thickness_p95", _STRUCTURE, "mm", "walls", "95th percentile of the thickness of a wall"),
    ("contact_area", _STRUCTURES, "mm2", "structures", "area of the voxel faces between two structures"),
)

_PARAMETERS: dict[str, dict[str, float]] = {
    "ssim": {"window": 7},
    "ssim_gaussian": {"sigma": 1.5},
    "nsd": {"tolerance_mm": 1.0},
}

# command, help line
_COMMANDS = (
    ("compare", "Compare two label maps, or two images."),
    ("measure", "Measure the structures of a label map."),
)


@hookimpl
def pycemrg_metrics() -> Iterable[Metric]:
    for name, measures, unit, module, summary in _METRICS:
        yield Metric(
            name=name,
            summary=summary,
            measures=measures,
            function=Ref(f"pycemrg_metrics.{module}:{name}"),
            unit=unit,
            parameters=_PARAMETERS.get(name, {}),
        )


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    for name, summary in _COMMANDS:
        yield Command(name=name, summary=summary, command=Ref(f"pycemrg_metrics.commands.{name}:{name}"))
