"""A small oblique, anisotropic image, and how a refusal is asserted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

VOXELS = np.random.default_rng(0).integers(0, 20, (12, 13, 14)).astype(np.uint8)


def rotation(*angles: float) -> tuple[float, ...]:
    matrix: tuple[float, ...] = sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix()
    return matrix


def make(array: np.ndarray[Any, Any] = VOXELS) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.3, 0.7, 1 / 3))
    image.SetOrigin((-123.456789012345, 1e-7 / 3, 1000 / 7))
    image.SetDirection(rotation(0.3, -0.2, 0.1))
    return image


def frame(image: sitk.Image) -> np.ndarray[Any, Any]:
    return np.array(image.GetSpacing() + image.GetOrigin() + image.GetDirection())


def refusal(kind: type[Exception], call: Callable[..., Any], *args: Any) -> str:
    """Return the text of the error: one line that begins with the last argument, the file or name."""
    with pytest.raises(kind) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text
    assert "0x" not in text
    assert text.startswith(str(args[-1]))
    assert "; " in text or text.endswith("?")
    assert not text.endswith(".")
    return text
