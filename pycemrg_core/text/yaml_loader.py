"""How YAML is understood; for :mod:`pycemrg_core.text.structured`, which imports it when there is YAML to read."""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable
from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """Plain YAML, where a value is what it looks like.

    Only decimal numbers, ``true``, ``false`` and ``null`` are not text: YAML 1.1 would read ``010`` as 8, ``1:30`` as
    90 and the name ``no`` as false. Aliases are refused, because they can make a small file huge; tags and duplicate
    keys too.
    """

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803
        # A level takes three calls below: so many cannot be read, and the time to scan them grows with their square.
        if self.flow_level > sys.getrecursionlimit() // 3:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        if getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="tags such as !!int are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        first: dict[Any, Any] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # the call below refuses any other key
                if key in first:
                    raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=first[key])
                first[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {}


# What YAML 1.1 reads as another type and this module as text, others quote: so what they write is read as written.
for _tag, _pattern, _first in (
    ("int", r"[+-]?(0|[1-9][0-9]{0,30})", [*"+-0123456789"]),
    ("float", r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-][0-9]+)?", [*"+-.0123456789"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$", re.ASCII), _first)
