"""Label names, integers and groups. Each has one meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from attrs import field, frozen

from pycemrg_core.errors import LabelError
from pycemrg_core.text.names import close_to

BACKGROUND = "background"


def _integers(labels: Mapping[str, int]) -> Mapping[str, int]:
    by_value: dict[int, str] = {}
    for name, value in labels.items():
        if type(value) is not int or value < 0 or (value == 0 and name != BACKGROUND):
            raise LabelError(f"label {name!r} is {value!r}; labels are integers from 1 (0 is the background)")
        if value in by_value:
            raise LabelError(
                f"labels {by_value[value]!r} and {name!r} are both {value}; give one of them another integer"
            )
        by_value[value] = name
        if value and name == BACKGROUND:
            raise LabelError(f"label {name!r} is {value!r}, but the background is 0; give the label another name")
    return MappingProxyType({name: value for name, value in labels.items() if value})


def _members(groups: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({group: tuple(names) for group, names in groups.items()})


@frozen
class LabelTable:
    """Names to integers, and groups of names. Raises :class:`LabelError` when two names share an integer."""

    labels: Mapping[str, int] = field(converter=_integers)
    groups: Mapping[str, tuple[str, ...]] = field(factory=dict, converter=_members)

    def __attrs_post_init__(self) -> None:
        for group in self.groups:
            if group in self.labels:
                raise LabelError(f"{group!r} is both a label and a group; give one of them another name")
            self.names_of(group)

    def value(self, name: str) -> int:
        """The integer of a name. Raises :class:`LabelError` with close matches."""
        try:
            return self.labels[name]
        except KeyError:
            raise LabelError(f"no label is called {name!r}{close_to(name, self.labels)}") from None

    def name(self, value: int) -> str:
        """The name of an integer; without a name, the integer as text."""
        if value == 0:
            return BACKGROUND
        return next((name for name, known in self.labels.items() if known == value), str(value))

    def names_of(self, name: str) -> tuple[str, ...]:
        """A label's own name, or the members of a group, in order and without duplicates.

        Raises :class:`LabelError` for an unknown name and for a group that contains itself.
        """
        if name not in self.labels and self.labels.keys() >= {*self.groups.get(name, (name,))}:
            return tuple(dict.fromkeys(self.groups[name]))  # most groups hold labels only
        return tuple(dict.fromkeys(self._expand(name, ())))

    def _expand(self, name: str, inside: tuple[str, ...]) -> Iterator[str]:
        if name in self.labels:
            yield name
        elif name in inside:
            raise LabelError(f"group {name!r} contains itself: {' > '.join([*inside, name])}")
        elif name in self.groups:
            for member in self.groups[name]:
                yield from self._expand(member, (*inside, name))
        else:
            where = f" (in group {inside[-1]!r})" if inside else ""
            raise LabelError(
                f"no label or group is called {name!r}{where}{close_to(name, [*self.labels, *self.groups])}"
            )
