"""What the plugin ``pictures`` contributes. Every command imports this module, so it is light."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Output, Ref, hookimpl


@hookimpl
def pycemrg_outputs() -> Iterable[Output]:
    yield Output(
        name="picture",
        file="slices.png",
        summary="three slices before and after, with a legend",
        function=Ref("schematics_builtin.pictures.picture:picture"),
    )
