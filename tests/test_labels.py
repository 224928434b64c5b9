"""One name, one integer: everything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pycemrg_core.api.labels import LabelTable
from pycemrg_core.errors import LabelError
from pycemrg_core.text.names import close_to

TABLE = LabelTable(
    {"background": 0, "LV": 1, "RV": 3, "LA": 4, "RA": 5},
    {"ventricles": ["LV", "RV"], "heart": ["ventricles", "LA", "RA", "LV"]},  # type: ignore[list-item]
)


def test_names_and_integers() -> None:
    assert TABLE.value("RV") == 3
    assert [TABLE.name(value) for value in (0, 3, 99)] == ["background", "RV", "99"]


def test_the_background_is_no_label() -> None:
    assert dict(TABLE.labels) == {"LV": 1, "RV": 3, "LA": 4, "RA": 5}


@pytest.mark.parametrize("value", [-1, 0, 1.0, "1", True, None])
def test_a_label_is_an_integer_from_one(value: Any) -> None:
    with pytest.raises(LabelError) as refused:
        LabelTable({"LV": value})
    assert str(refused.value) == f"label 'LV' is {value!r}; labels are integers from 1 (0 is the background)"


def test_two_names_for_one_integer() -> None:
    with pytest.raises(LabelError) as refused:
        LabelTable({"LV": 1, "RV": 3, "LV_blood": 1})
    assert str(refused.value) == "labels 'LV' and 'LV_blood' are both 1; give one of them another integer"


def test_the_background_is_zero_and_nothing_else() -> None:
    with pytest.raises(LabelError, match="'background' is 5"):
        LabelTable({"background": 5})


def test_an_unknown_name_offers_close_ones() -> None:
    table = LabelTable({"LV_BP_label": 1, "RV_BP_label": 3})
    with pytest.raises(LabelError) as refused:
        table.value("LV_BP_lable")
    assert str(refused.value) == ("no label is called 'LV_BP_lable'; did you mean 'LV_BP_label' or 'RV_BP_label'?")
    with pytest.raises(LabelError) as refused:
        table.value("spleen")
    assert str(refused.value) == "no label is called 'spleen'"


def test_groups_expand_in_order_without_repeats() -> None:
    assert TABLE.names_of("heart") == ("LV", "RV", "LA", "RA")
    assert TABLE.names_of("LV") == ("LV",)


def test_unknown_groups_offer_close_ones() -> None:
    with pytest.raises(LabelError) as refused:
        TABLE.names_of("ventricle")
    assert str(refused.value) == "no label or group is called 'ventricle'; did you mean 'ventricles'?"


def test_an_unknown_member_is_refused_with_its_group() -> None:
    with pytest.raises(LabelError) as refused:
        LabelTable({"LV": 1}, {"outer": ("inner",), "inner": ("VL",)})
    assert str(refused.value) == "no label or group is called 'VL' (in group 'inner')"


def test_a_group_in_itself() -> None:
    with pytest.raises(LabelError) as refused:
        LabelTable({"LV": 1}, {"a": ("LV", "b"), "b": ("a",)})
    assert str(refused.value) == "group 'a' contains itself: a > b > a"


def test_a_group_and_a_label_of_one_name() -> None:
    with pytest.raises(LabelError, match="'LV' is both a label and a group"):
        LabelTable({"LV": 1, "RV": 3}, {"LV": ("RV",)})


def test_a_table_keeps_its_own_copy() -> None:
    labels, groups = {"LV": 1}, {"all": ["LV"]}
    table = LabelTable(labels, groups)  # type: ignore[arg-type]
    labels["RV"] = 3
    groups["all"].append("RV")
    assert dict(table.labels) == {"LV": 1}
    assert table.names_of("all") == ("LV",)
    with pytest.raises(TypeError):
        table.labels["RV"] = 3  # type: ignore[index]


def test_close_names() -> None:
    assert close_to("creat", ["create", "valve"]) == "; did you mean 'create'?"
    assert close_to("zzz", ["create", "valve"]) == ""
