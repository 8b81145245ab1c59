"""Look after the index: python -m fpd_bench.store rebuild|check|export [--results DIR].

rebuild   make the index anew from the run directories
check     bring it up to date, compare it with a fresh one in a temporary folder; exit code 1 if they differ
export    write its tables to DIR/export as Parquet (or CSV where pyarrow is not installed)
"""

import argparse
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from fpd_bench.errors import FpdError
from fpd_bench.store import address, ingest, schema
from fpd_bench.store.query import Store


def main(arguments: list[str] | None = None) -> int:
    """The command's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fpd_bench.store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["rebuild", "check", "export"])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder with runs/ (default: results)")
    options = parser.parse_args(arguments)
    try:
        return {"rebuild": _rebuild, "check": _check, "export": _export}[options.action](options.results)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _rebuild(results: Path) -> int:
    done = ingest.rebuild(results)
    print(f"{done.read} runs read into {address.shown(address.default(results))}")
    return 0


def _check(results: Path) -> int:
    ingest.ingest(results)
    with tempfile.TemporaryDirectory() as folder:
        fresh_url = f"sqlite:///{folder}/index.sqlite"
        ingest.rebuild(results, fresh_url)
        with Store(results) as store, Store(results, fresh_url) as fresh:
            expected = {run_id: run.content for run_id, run in fresh.runs().items()}
            found = {run_id: run.content for run_id, run in store.runs(list(expected)).items()}
            wrong = sorted(run_id for run_id in expected if found.get(run_id) != expected[run_id])
            corrupt = {run_id: run.message for run_id, run in fresh.runs().items() if run.status == "corrupt"}
    for run_id, message in corrupt.items():
        print(f"{run_id} is corrupt: {message}")
    if wrong:
        command = schema.REBUILD.format(results=results)
        print(f"The index differs from {len(wrong)} run directories ({', '.join(wrong[:5])}). {command}")
    else:
        print(f"The index agrees with {len(expected)} run directories.")
    return 1 if wrong or corrupt else 0


def _export(results: Path) -> int:
    ingest.ingest(results)
    folder = results / "export"
    folder.mkdir(exist_ok=True)
    parquet = find_spec("pyarrow") is not None
    with Store(results) as store:
        for table in schema.metadata.sorted_tables:
            frame = store.frame(table.name)
            for column in table.columns:
                if isinstance(column.type, sa.JSON):  # nested values of many shapes: one text column
                    frame[column.name] = frame[column.name].map(schema.json_text)
            path = folder / f"{table.name}.{'parquet' if parquet else 'csv'}"
            frame.to_parquet(path, index=False) if parquet else frame.to_csv(path, index=False)
            print(f"{path}  {len(frame)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
