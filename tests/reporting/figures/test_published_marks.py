"""A published number of another bench is told without making points of our intervals."""

import pytest
from matplotlib.figure import Figure

from fpd_bench.reporting.figures.published_marks import mark_published


@pytest.mark.parametrize(("value", "marker"), [(-84.45, "<"), (91.35, ">"), (0.6, "D"), (-0.3, "D")])
def test_a_far_number_stands_at_the_edge_with_its_value(value, marker):
    axes = Figure().subplots()
    axes.plot([0.0, 0.4], [0, 1])
    before = axes.get_xlim()
    (mark,) = mark_published(axes, {0: value}, [0.0, 0.4, float("-inf")], "published")
    assert mark.get_marker() == marker
    shown = [text.get_text() for text in axes.texts]
    if marker == "D":
        assert not shown and min(axes.get_xlim()) <= value <= max(axes.get_xlim())
    else:
        assert shown == [f"{value:.4g}"] and axes.get_xlim() == before


def test_where_ours_is_one_number_all_is_to_scale():
    axes = Figure().subplots()
    (mark,) = mark_published(axes, {0: 6.9}, [0.5], "published")
    assert mark.get_marker() == "D"
    assert mark_published(axes, {}, [0.5], "published") == []
