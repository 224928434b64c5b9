"""Which cases of slow tests are in which lane: the rules of ``conftest.py`` on a small suite."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.mark.slow(every=3)
    class TestMany:
        @pytest.mark.parametrize("n", range(7))
        def test_of(self, n): pass

        def test_alone(self): pass

    @pytest.mark.slow(every=2)
    @pytest.mark.parametrize("n", range(3))
    def test_few(n): pass

    @pytest.mark.slow
    def test_slow(): pass

    @pytest.mark.heavy
    def test_heavy(): pass

    def test_fast(): pass
"""
FAST = {"of[0]", "of[3]", "of[6]", "alone", "few[0]", "few[2]", "fast"}
SLOW = {"of[1]", "of[2]", "of[4]", "of[5]", "few[1]", "slow", "heavy"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), FAST | {"slow"}),
        (("--sample", "1"), FAST | SLOW),
        (
            ("-k", "test_of or few"),
            {"of[0]", "of[3]", "of[6]", "few[0]", "few[2]", "of[1]", "of[2]", "of[4]", "of[5]", "few[1]"},
        ),
        (("test_a_case_is_in_its_lane.py",), FAST | SLOW),
        (("-m", "not slow"), FAST),
        (("-m", "slow"), SLOW),
        (("--sample", "2"), FAST | {"of[2]", "of[4]", "slow"}),
        (("--sample", "5"), FAST | {"of[5]", "slow"}),
    ],
)
def test_a_case_is_in_its_lane(pytester: pytest.Pytester, asked: tuple[str, ...], expected: set[str]) -> None:
    pytester.makeconftest(Path(__file__).parents[1].joinpath("conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    slow\n    heavy\n")
    pytester.makepyfile(SUITE)
    told = pytester.runpytest_inprocess("--collect-only", "-q", *asked).outlines
    assert {line.rpartition("::test_")[2] for line in told if "::" in line} == expected
