"""python -m fpd_bench.tracks build shapes [--preset default] [--steps N] [--threads N] [--work DIR] [--out DIR]

Rebuilds a track's shipped assets from nothing but code. A killed build goes on where it stood; `--steps` makes a
smaller one, for example to try the recipe:

  python -m fpd_bench.tracks build shapes --preset coarse --steps 200 --out /tmp/assets
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from fpd_bench.errors import ConfigError, FpdError, UnknownName


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 built, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m fpd_bench.tracks", description=__doc__.split("\n\n", 1)[1])
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="train the teacher and write codebook and weights")
    build.add_argument("track", help="shapes")
    build.add_argument("--preset", default="default")
    build.add_argument("--steps", type=int, help="training steps (default: the preset's recipe)")
    build.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    build.add_argument("--work", type=Path, default=Path("results/build"), help="checkpoints (default: results/build)")
    build.add_argument("--out", type=Path, help="folder of the assets (default: those of the package)")
    options = parser.parse_args(arguments)
    try:
        print(_build(options))
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"Cannot write the assets: {error}. Choose other folders with --work and --out.", file=sys.stderr)
        return 2
    return 0


def _build(options: argparse.Namespace) -> Path:
    if options.track != "shapes":
        raise UnknownName("track that can be built", options.track, ["shapes"])
    for name in ("steps", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} must be 1 or more; got {value}.")
    from fpd_bench.tracks.shapes.world import preset

    preset(options.preset)  # an unknown preset is refused before torch is loaded
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from fpd_bench.tracks.shapes.assets import FOLDER
    from fpd_bench.tracks.shapes.build import RECIPES, build

    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.preset]
    if options.steps:
        recipe = replace(recipe, steps=options.steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task("teacher", total=recipe.steps)

        def show(step: int, steps: int, loss: float) -> None:
            bars.update(bar, completed=step, description=f"teacher, loss {loss:.3f}")

        return build(options.preset, options.work, options.out or FOLDER, recipe, show)


if __name__ == "__main__":
    sys.exit(main())
