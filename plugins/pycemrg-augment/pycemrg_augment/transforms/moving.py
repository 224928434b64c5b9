"""Move what an image shows within its grid: affine, elastic, and the order of its voxels.

Lengths are in mm. Angles and lengths are along the axes (x, y, z) of the image, through its centre. The grid stays;
what comes from outside is the smallest value of the image, and label 0. No function changes its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from pycemrg_augment.transforms import grids
from pycemrg_augment.transforms.crumbs import without_crumbs
from pycemrg_augment.transforms.resampling import Resample, resampled_labels
from pycemrg_core.api import AugmentationError, NotApplicableError, image_from_array, voxel_array

Interpolation = Literal["linear", "cubic"]
Crumbs = Literal["join", "keep"]
Triple = tuple[float, float, float]

FOLD_FREE = 1 / 2.479472335
"""A cubic B-spline displacement does not fold when its coefficients are below this share of the control spacing.

Choi and Lee, Injectivity conditions of 2D and 3D uniform cubic B-spline functions, Graph Models 62:411-427, 2000.
"""


def affine_matrix(
    degrees: Sequence[float] = (0, 0, 0), scale: Sequence[float] = (1, 1, 1), shear: Sequence[float] = (0, 0, 0)
) -> NDArray[np.float64]:
    """The matrix that scales along x, y and z, then shears (xy, xz, yz), then turns about x, y and z in this order."""
    turn = sitk.Euler3DTransform()
    turn.SetComputeZYX(True)  # the matrix is Rz Ry Rx: x turns first
    turn.SetRotation(*np.radians(degrees).tolist())
    sheared = np.eye(3)
    sheared[[0, 0, 1], [1, 2, 2]] = shear
    found: NDArray[np.float64] = np.reshape(turn.GetMatrix(), (3, 3)) @ sheared @ np.diag(scale)
    return found


def move_volume(
    image: sitk.Image,
    matrix: NDArray[np.float64],
    shift_mm: Sequence[float] = (0, 0, 0),
    interpolation: Interpolation = "linear",
) -> sitk.Image:
    """Apply the matrix about the centre of the image, then the shift; float32."""
    return _interpolated(image, _affine(image, matrix, shift_mm), interpolation)


def move_labels(
    labels: sitk.Image,
    matrix: NDArray[np.float64],
    shift_mm: Sequence[float] = (0, 0, 0),
    *,
    smooth: bool = False,
    crumbs: Crumbs = "join",
) -> sitk.Image:
    """Move a label map like :func:`move_volume`.

    ``smooth`` is that of :func:`resampled_labels`; with ``crumbs="join"``, see :func:`without_crumbs`.
    """
    return _labels(labels, _affine(labels, matrix, shift_mm), smooth, crumbs)


def elastic_field(image: sitk.Image, rng: np.random.Generator, most_mm: float, spacing_mm: float) -> sitk.Image:
    """A smooth random displacement for each voxel of ``image``, which does not fold, as vectors in mm.

    It is a cubic B-spline with control points every ``spacing_mm`` along each axis, displaced by up to ``most_mm``
    along each axis of more than one voxel. Raises :class:`AugmentationError` when it could fold (:data:`FOLD_FREE`).
    """
    if not 0 <= most_mm <= FOLD_FREE * spacing_mm:
        raise AugmentationError(
            f"elastic: displacements of {most_mm:g} mm between control points {spacing_mm:g} mm apart could fold;"
            f" give at most {FOLD_FREE * spacing_mm:.3g} mm, or control points further apart"
        )
    places = [np.arange(n) * width for n, width in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    x, y, z = (_basis(place / spacing_mm) for place in places)
    coefficients = rng.uniform(-most_mm, most_mm, (z.shape[1], y.shape[1], x.shape[1], 3))
    coefficients[..., np.array(image.GetSize()) == 1] = 0  # a slice stays in its plane
    along_x = np.einsum("kjic,xi->kjxc", coefficients, x)
    along_y = np.einsum("kjxc,yj->kyxc", along_x, y)
    field = np.einsum("kyxc,zk->zyxc", along_y, z) @ grids.direction(image).T
    made = sitk.GetImageFromArray(field, isVector=True)
    made.CopyInformation(image)
    return made


def warp_volume(image: sitk.Image, field: sitk.Image, interpolation: Interpolation = "linear") -> sitk.Image:
    """The image with each voxel taken from where the field points; float32."""
    return _interpolated(image, _warp(field), interpolation)


def warp_labels(labels: sitk.Image, field: sitk.Image, *, smooth: bool = False, crumbs: Crumbs = "join") -> sitk.Image:
    """Warp a label map like :func:`warp_volume`; the options are those of :func:`move_labels`."""
    return _labels(labels, _warp(field), smooth, crumbs)


def flip(image: sitk.Image, axes: Sequence[bool]) -> sitk.Image:
    """Reverse the voxel order along some of the axes (x, y, z); every voxel stays where it is in space.

    Origin and direction change with the order, so left stays left. Code that sees only the array sees a mirror image.
    """
    turned = voxel_array(image)[tuple(slice(None, None, -1 if axis else 1) for axis in reversed(axes))]
    corner = [n - 1 if axis else 0 for axis, n in zip(axes, image.GetSize(), strict=True)]
    made = image_from_array(np.ascontiguousarray(turned), image)
    made.SetOrigin(grids.place(image, corner))
    signs = np.where(axes, -1.0, 1.0)
    made.SetDirection((grids.direction(image) * signs).ravel().tolist())
    return made


def _affine(image: sitk.Image, matrix: NDArray[np.float64], shift_mm: Sequence[float]) -> Resample:
    if not abs(np.linalg.det(matrix)) > 1e-9:
        raise AugmentationError("affine: the matrix flattens the image; give scales above 0")
    for axis, name in enumerate("xyz"):
        leaves = np.delete(matrix[axis], axis).any() or shift_mm[axis]
        if image.GetSize()[axis] == 1 and leaves:
            raise NotApplicableError(
                f"the movement leaves the plane of the image, which is one slice along {name}; turn about {name} only"
            )
    axes = grids.direction(image)
    transform = sitk.AffineTransform(3)
    transform.SetCenter(grids.place(image, [(n - 1) / 2 for n in image.GetSize()]))
    transform.SetMatrix((axes @ matrix @ axes.T).ravel().tolist())
    transform.SetTranslation((axes @ np.asarray(shift_mm, np.float64)).tolist())
    back = transform.GetInverse()
    return lambda image, interpolator, background: sitk.Resample(image, image, back, interpolator, background)


def _warp(field: sitk.Image) -> Resample:
    frame = field.GetSize(), field.GetOrigin(), field.GetSpacing(), field.GetDirection()
    return lambda image, interpolator, background: sitk.Warp(image, field, interpolator, *frame, background)


def _interpolated(image: sitk.Image, resample: Resample, interpolation: Interpolation) -> sitk.Image:
    known = {"linear": sitk.sitkLinear, "cubic": sitk.sitkBSpline}
    if interpolation not in known:
        raise AugmentationError(f"no interpolation is called {interpolation!r}; give 'linear' or 'cubic'")
    image = sitk.Cast(image, sitk.sitkFloat32)
    low, high = grids.finite_ends(image)
    made = resample(image, known[interpolation], low)
    return sitk.Clamp(made, lowerBound=low, upperBound=high) if interpolation == "cubic" else made


def _labels(labels: sitk.Image, resample: Resample, smooth: bool, crumbs: Crumbs) -> sitk.Image:
    made = resampled_labels(labels, resample, smooth=smooth)
    return without_crumbs(made, labels) if crumbs == "join" else made


def _basis(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight of each control point (columns, from -1 on) at each place (rows), in units of the control spacing."""
    cell = np.floor(places).astype(int)
    u = places - cell
    weights = np.zeros((len(places), int(cell[-1]) + 4))
    rows = np.arange(len(places))
    parts = (1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3
    for offset, part in enumerate(parts):
        weights[rows, cell + offset] = part / 6
    return weights
