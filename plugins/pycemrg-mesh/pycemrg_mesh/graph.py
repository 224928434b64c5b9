"""Connected components of pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def components(count: int, first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.int32]:
    """The component of each of ``count`` things, numbered from 0; ``first`` and ``second`` are joined in pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(count, count))
    found: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return found
