"""Meshes of closed hearts: tetrahedra with region tags, and a certificate of each mesh.

Names are imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.api import door

if TYPE_CHECKING:
    from pycemrg_mesh.certificate import MeshCertificate as MeshCertificate
    from pycemrg_mesh.certificate import certify_mesh as certify_mesh
    from pycemrg_mesh.engines.cut import cut as cut
    from pycemrg_mesh.errors import MeshingError as MeshingError
    from pycemrg_mesh.mesh import Mesh as Mesh
    from pycemrg_mesh.meshing import MeshedHeart as MeshedHeart
    from pycemrg_mesh.meshing import mesh_heart as mesh_heart
    from pycemrg_mesh.named import NamedSurface as NamedSurface
    from pycemrg_mesh.named import named_surfaces as named_surfaces
    from pycemrg_mesh.writing import Written as Written
    from pycemrg_mesh.writing import write_mesh as write_mesh
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "pycemrg_mesh.certificate": "MeshCertificate certify_mesh",
            "pycemrg_mesh.engines.cut": "cut",
            "pycemrg_mesh.errors": "MeshingError",
            "pycemrg_mesh.mesh": "Mesh",
            "pycemrg_mesh.meshing": "MeshedHeart mesh_heart",
            "pycemrg_mesh.named": "NamedSurface named_surfaces",
            "pycemrg_mesh.writing": "Written write_mesh",
        },
    )
