"""What the image must have: tags that fit, room round the heart, and all structures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycemrg_core.api import Finding, Heart, Severity, counted

HIGHEST_TAG = 255
"""Meshers store tags in one byte."""


def tag_range(heart: Heart) -> Iterator[Finding]:
    """A label is over 255."""
    for label in heart.volume.boxes:
        if label > HIGHEST_TAG:
            places = heart.places(label)
            yield heart.finding(
                Severity.ERROR,
                f"{heart.name(label)} is {label}, over {HIGHEST_TAG}: a mesher stores tags in one byte",
                (label,),
                places,
                voxels=len(places),
            )


def image_border(heart: Heart) -> Iterator[Finding]:
    """A voxel of the heart lies in the outermost layer of the image."""
    array = heart.volume.array
    found = []
    for axis, size in enumerate(array.shape):
        for at in {0, size - 1}:
            plane = np.argwhere(np.take(array, at, axis=axis))
            found.append(np.insert(plane, axis, at, axis=1))
    places = np.unique(np.concatenate(found), axis=0)
    if len(places):
        labels = [int(label) for label in np.unique(array[tuple(places.T)])]
        names = ", ".join(map(heart.name, labels))
        yield heart.finding(
            Severity.ERROR,
            f"the heart touches the border of the image with {counted(len(places), 'voxel')} of {names}",
            labels,
            places,
            voxels=len(places),
        )


def not_made(heart: Heart) -> Iterator[Finding]:
    """A structure that the recipe makes of the labels of this heart has no voxel."""
    for label in heart.blueprint.made:
        if label not in heart.volume.boxes and heart.blueprint.must_have(label, heart.volume.boxes):
            yield heart.finding(Severity.ERROR, f"{heart.name(label)} is absent; the recipe makes it", (label,))
