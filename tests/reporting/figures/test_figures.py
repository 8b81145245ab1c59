"""Figures: nothing is cut off, no two lines look alike, and the legend lists exactly what is drawn."""

import pytest
from matplotlib.figure import Figure

from fpd_bench import report
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.reporting import user_text
from fpd_bench.reporting.figures import cost_figures
from fpd_bench.reporting.figures.line_styles import line_style
from tests.store.synthetic_runs import write_run

RATES = [round(1e-5 * (n + 1), 6) for n in range(12)]
LONG = "a label of many words that would be cut if it had a single line"


def drawn_by_report(file, folder):
    """Report the sweep from folder/results and keep the figures that it draws, {kind: Figure}."""
    found, savefig = {}, Figure.savefig

    def remember(self, path, **how):
        found[path.stem.rpartition("_")[2]] = self
        savefig(self, path, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", remember)
        assert report.main([str(file), "--results", str(folder / "results"), "--out", str(folder / "out")]) == 0
    return found


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """The figures of a table of twelve rows, {kind: Figure}; the last row has no run."""
    folder = tmp_path_factory.mktemp("figures")
    rows = "".join(
        f"      - {{id: r{n}, label: {LONG} {n}, where: {{optim.lr: {rate}}}, published: 0.{30 + n}}}\n"
        for n, rate in enumerate(RATES)
    )
    claims = ", ".join(f"{{better: r{n}, worse: r0, text: claim of {LONG} {n}}}" for n in (1, 2))
    text = f"name: many\nseeds: [0, 1]\ntables:\n  - id: a\n    caption: {LONG} {LONG}\n"
    text += f"    grid: ['optim.lr={','.join(map(str, RATES))}']\n    rows:\n{rows}    claims: [{claims}]\n"
    (folder / "many.yaml").write_text(text)
    for cell in load_sweep(folder / "many.yaml").cells:
        if cell.row_id != "r11":
            run = write_run(folder / "results", cell.run_id, cell.config, per_task=1, size=8, steps=5)
            events = run / "events.jsonl"
            events.write_text(events.read_text().replace("10.5", f"{10 + int(cell.row_id[1:])}.5"))
    return drawn_by_report(folder / "many.yaml", folder)


def test_every_kind_is_drawn(figures):
    assert set(figures) == {"scores", "effects", "cost", "images", "curves"}


@pytest.mark.parametrize("kind", ["scores", "effects", "cost", "images", "curves"])
def test_every_text_is_inside_the_canvas(figures, kind):
    figure = figures[kind]
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    texts = [one for legend in figure.legends for one in legend.get_texts()]
    texts += [one for one in (figure._suptitle,) if one is not None]
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        texts += [axes.xaxis.label, axes.yaxis.label, axes.title]
        texts += [label for y, label in ticks if low <= y <= high]
    shown = [one for one in texts if one.get_text().strip()]
    assert shown
    for one in shown:
        box = one.get_window_extent()
        assert -1 <= box.x0 and box.x1 <= width + 1, one.get_text()
        assert -1 <= box.y0 and box.y1 <= height + 1, one.get_text()


def test_the_legend_of_curves_lists_the_rows_that_have_runs(figures):
    listed = [" ".join(text.get_text().split()) for text in figures["curves"].legends[0].get_texts()]
    assert listed == [" ".join(user_text.figure(f"{LONG} {n}").split()) for n in range(11)]
    lines = figures["curves"].axes[0].get_lines()
    looks = {(str(line.get_color()), str(line.get_linestyle()), str(line.get_marker())) for line in lines}
    assert len(lines) == len(looks) == 11


def test_no_two_of_fifty_lines_look_alike_even_without_markers():
    looks = {(str(line_style(n)["color"]), str(line_style(n)["linestyle"])) for n in range(50)}
    assert len(looks) == 50
    assert all(line_style(n)["linestyle"] != line_style(n + 1)["linestyle"] for n in range(8))


@pytest.mark.parametrize("costs", [[60.0, 60.2, 61.1], [3.0, 3.001], [2000.0, 2001.0]])
def test_costs_that_are_about_the_same_do_not_look_far_apart(costs):
    axes = Figure().subplots()
    axes.plot(costs, costs, "o")
    cost_figures._widen(axes, costs)
    axes.figure.canvas.draw()
    low, high = axes.get_xlim()
    assert low < min(costs) and max(costs) < high and high - low > 0.25 * max(costs)
    shown = [
        text.get_text() for x, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True) if low <= x <= high
    ]
    assert len(shown) >= 3 and len({*shown}) == len(shown) and not axes.xaxis.get_offset_text().get_text()


def test_short_runs_cost_seconds(figures):
    assert figures["cost"].axes[-1].get_xlabel() == "Seconds a run, measured"


def test_quality_is_drawn_against_steps_of_a_sample_and_only_trained_rows_have_training_steps(tmp_path):
    rows = [f"{{id: t{n}, label: Teacher {n}, where: {{evaluation.teacher_steps: {n}}}}}" for n in (1, 16)]
    rows += [f"{{id: {name}, label: {name}, where: {{method: {name}}}}}" for name in ("fpd", "sdtt")]
    grid = (
        "[[method=teacher, 'evaluation.teacher_steps=1,16'], [method=fpd], [method=sdtt, evaluation.student_steps=4]]"
    )
    path = tmp_path / "peers.yaml"
    path.write_text(f"name: peers\ntables:\n  - id: a\n    grid: {grid}\n    rows: [{', '.join(rows)}]\n")
    for n, cell in enumerate(load_sweep(path).cells):
        run = write_run(tmp_path / "results", cell.run_id, cell.config, per_task=1, size=8, steps=5)
        (run / "events.jsonl").write_text((run / "events.jsonl").read_text().replace("10.5", f"{10 + n}.5"))
    figure, savefig = {}, Figure.savefig
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Figure, "savefig", lambda self, at, **how: (figure.update({at.stem: self}), savefig(self, at, **how))
        )
        words = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]
        assert report.main([str(path), *words]) == 0
    axes = {one.get_xlabel(): one for one in figure["peers-a_cost"].axes}
    assert [*axes] == ["Steps of a sample", "Training steps", "Seconds a run, measured"]
    places = {name: [float(one.lines[0].get_xdata()[0]) for one in axes[name].containers] for name in axes}
    assert places["Steps of a sample"] == [1, 16, 1, 4]
    assert places["Training steps"] == [0, 0, 1000, 1000]


STEPS = """
name: steps
seeds: [0]
tables:
  - id: a
    grid: [["method=teacher", "evaluation.teacher_steps=1,4,16"], ["evaluation.student_steps=1,2,4"]]
    rows:
"""


def test_quality_against_steps_has_a_line_for_each_method(tmp_path):
    rows = [("teacher", "Teacher", "method: teacher, evaluation.teacher_steps", n) for n in (16, 1, 4)]
    rows += [("fpd", "FPD", "method: fpd, evaluation.student_steps", n) for n in (1, 2, 4)]
    text = STEPS + "".join(
        f"      - {{id: {name}_{n}, label: {method} in {n}, where: {{{where}: {n}}}, shown: {{Method: {method}}}}}\n"
        for name, method, where, n in rows
    )
    file = tmp_path / "steps.yaml"
    file.write_text(text + "    front: Method\n")
    for cell in load_sweep(file).cells:
        write_run(tmp_path / "results", cell.run_id, cell.config, per_task=2, size=8, steps=5)
    figure = drawn_by_report(file, tmp_path)["steps"]
    lines = [container.lines[0] for container in figure.axes[0].containers]
    assert [line.get_xdata().tolist() for line in lines] == [[1, 4, 16], [1, 2, 4]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Teacher", "FPD"]
