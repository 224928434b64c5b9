"""For the reference on the site: docstrings in Markdown, and attrs classes with the signature that attrs gives them."""

from __future__ import annotations

import re
from typing import Any

import griffe

# :class:`~package.module.Name` and its kin; the tilde shows the last part only.
_ROLE = re.compile(r":(?:class|meth|func|attr|mod|exc):`(~?)([\w.]+)`")
_LEFT_OUT = "init=False"
_HAS_DEFAULT = ("default=", "factory=")


def _shown(match: re.Match[str]) -> str:
    name = match[2].rpartition(".")[2] if match[1] else match[2]
    return f"`{name}`"


class Reference(griffe.Extension):
    """Rewrites docstrings from Sphinx's notation and adds ``__init__`` to attrs classes."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        if obj.docstring:
            text = _ROLE.sub(_shown, obj.docstring.value)
            obj.docstring.value = re.sub(r"::$", ":", text, flags=re.MULTILINE)

    def on_class_members(self, *, cls: griffe.Class, **_kwargs: Any) -> None:
        frozen = [str(one.value) for one in cls.decorators if str(one.value).startswith("frozen")]
        if not frozen or "__init__" in cls.members:
            return
        kind = griffe.ParameterKind.keyword_only if "kw_only=True" in frozen[0] else None
        found = [
            griffe.Parameter(
                name,
                annotation=attribute.annotation,
                kind=kind or griffe.ParameterKind.positional_or_keyword,
                default=_default(attribute.value),
            )
            for name, attribute in _fields(cls).items()
            if attribute.annotation is not None
            and "property" not in attribute.labels
            and _LEFT_OUT not in str(attribute.value)
        ]
        this = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
        cls.set_member("__init__", griffe.Function("__init__", parameters=griffe.Parameters(this, *found)))


def _fields(cls: griffe.Class) -> dict[str, griffe.Attribute]:
    """The attributes of a class, after those of the classes in the same module that it inherits from."""
    found: dict[str, griffe.Attribute] = {}
    for base in cls.bases:
        parent = cls.parent.members.get(str(base)) if cls.parent else None
        if isinstance(parent, griffe.Class):
            found |= _fields(parent)
    return found | cls.attributes


def _default(value: Any) -> Any:
    """What the signature shows: a plain default as it is, one that attrs makes as ``...``, and none for none."""
    text = str(value)
    if value is None or not re.match(r"\w+\(", text):
        return value
    return "..." if any(mark in text for mark in _HAS_DEFAULT) else None
