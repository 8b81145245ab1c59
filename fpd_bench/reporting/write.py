"""One call from sweeps and a store to the files of a report."""

from pathlib import Path
from typing import TYPE_CHECKING

from fpd_bench.reporting import page, tables
from fpd_bench.reporting.model import TableResult
from fpd_bench.reporting.results import table_result
from fpd_bench.store.query import Store

if TYPE_CHECKING:
    from fpd_bench.config.spec import Sweep


def write_report(
    sweeps: "list[Sweep]", store: Store, folder: Path, pictures: bool = True
) -> tuple[list[TableResult], list[Path]]:
    """Write <table>.md, .tex and .csv, figures/ and the page; return the tables and the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written, paths = [], []
    for sweep in sweeps:
        for table in sweep.tables:
            result = table_result(sweep, table, store)
            paths += _texts(result, folder)
            drawn = _draw(result, store, folder) if pictures else {}
            paths += [folder / path for path in drawn.values()]
            written.append(page.Written(result, drawn))
    paths += page.write_page(written, page.overall_hash(written), folder)
    return [one.table for one in written], paths


def _texts(result: TableResult, folder: Path) -> list[Path]:
    texts = {
        "md": tables.to_markdown(result),
        "tex": tables.table_latex(result),
        "csv": tables.numbers_frame(result).to_csv(index=False, float_format="%.6g"),
    }
    for kind, text in texts.items():
        (folder / f"{result.name}.{kind}").write_text(text, encoding="utf-8")
    return [folder / f"{result.name}.{kind}" for kind in texts]


def _draw(result: TableResult, store: Store, folder: Path) -> dict[str, str]:
    """Caption -> PNG inside `folder`, of the pictures for which there are data."""
    from fpd_bench.reporting import figures  # matplotlib and seaborn take longer to import than all the rest

    stem = folder / "figures" / result.name
    found = {
        "Scores": figures.scores(result, stem.with_name(f"{result.name}_scores")),
        "Same prompts, same noise": figures.images(result, store, stem.with_name(f"{result.name}_images")),
        "Training": figures.curves(result, store, stem.with_name(f"{result.name}_curves")),
    }
    return {caption: str(path.relative_to(folder)) for caption, path in found.items() if path}
