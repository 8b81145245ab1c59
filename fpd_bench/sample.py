"""Draw images for prompts of your own from a run's student, or from a teacher, onto one picture; prints its path.

    python -m fpd_bench.sample 3f9c0a1b2d4e "a photo of a red circle and a blue star"
    python -m fpd_bench.sample 3f9c "a photo of two rings" "a photo of a green square" --n 4 --seed 1
    python -m fpd_bench.sample teacher "a photo of a star" --preset default --steps 16

One row per prompt, one column per sample; the same seed and prompt always have the same noise, whoever draws.
Exit code: 0 drawn, 2 the request is wrong.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.config.schema import TrackConfig
from fpd_bench.errors import ConfigError
from fpd_bench.registry import TEACHER
from fpd_bench.store import address

if TYPE_CHECKING:
    from fpd_bench.runs.perform.prompt_sheet import SheetSource

_TRACK = TrackConfig()
TEACHER_ONLY = {"track": _TRACK.name, "preset": _TRACK.preset, "steps": 16}  # options and their defaults


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, draw the images and print the picture's path; return the exit code."""
    # Samples need no index.
    return carry_out(lambda: print(_sample(parser().parse_args(address.take_url(arguments)[1]))))


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser("python -m fpd_bench.sample", description=__doc__, formatter_class=form)
    made.add_argument("run", metavar="RUN", help="the beginning of a run id, or teacher")
    made.add_argument("prompts", nargs="+", metavar="PROMPT", help="texts in the words that the track knows")
    made.add_argument("--n", type=int, default=8, help="samples per prompt (default: 8)")
    made.add_argument("--seed", type=int, default=0, help="seed of the noise (default: 0)")
    made.add_argument("--out", type=Path, metavar="FILE.png", help="default: DIR/pictures/RUN_seedSEED.png")
    made.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    made.add_argument("--scale", type=int, default=4, help="screen pixels a side per image pixel (default: 4)")
    made.add_argument("--track", help=f"only if RUN is teacher: its track (default: {_TRACK.name})")
    made.add_argument("--preset", help="only if RUN is teacher: its preset (default: default)")
    made.add_argument("--steps", type=int, help="only if RUN is teacher: its steps (default: 16)")
    return made


def _sample(asked: argparse.Namespace) -> Path:
    _check(asked)
    source, name = _source(asked)
    out: Path = asked.out or asked.results / "pictures" / f"{name}_seed{asked.seed}.png"
    _writable(out)
    from fpd_bench.runs.folder.whole_files import write_with
    from fpd_bench.runs.perform.prompt_sheet import draw_prompts, lay_out_sheet

    picture = lay_out_sheet(asked.prompts, draw_prompts(source, asked.prompts, asked.n, asked.seed), asked.scale)
    try:
        write_with(out, lambda path: picture.save(path, format="png"))
    except OSError as error:
        raise _unwritable(out, error) from None
    return out


def _check(asked: argparse.Namespace) -> None:
    for name, least in (("n", 1), ("scale", 1), ("seed", 0), ("steps", 1)):
        value = getattr(asked, name)
        if value is not None and value < least:
            raise ConfigError(f"--{name} must be {least} or more; got {value}.")
    if asked.out and asked.out.suffix != ".png":
        raise ConfigError(f"--out must end in .png; got '{asked.out}'.")
    given = [f"--{name}" for name in TEACHER_ONLY if getattr(asked, name) is not None]
    if given and asked.run != TEACHER:
        raise ConfigError(
            f"{', '.join(given)} can only be used when RUN is 'teacher'; run '{asked.run}' has its own configuration."
        )


def _source(asked: argparse.Namespace) -> "tuple[SheetSource, str]":
    """Open what draws; return it with its name for the picture's file. An unknown run, or a prompt that its track
    cannot read, is refused before torch is imported.
    """
    from fpd_bench.tracks.readable_prompts import check_prompts

    if asked.run == TEACHER:
        chosen: dict[str, Any] = {name: getattr(asked, name) or default for name, default in TEACHER_ONLY.items()}
        check_prompts(chosen["track"], chosen["preset"], asked.prompts)
        from fpd_bench.runs.perform.prompt_sheet import open_teacher

        return open_teacher(**chosen), "{track}_{preset}_teacher{steps}".format(**chosen)
    from fpd_bench.runs.folder.rundir import find_run

    run = find_run(asked.results, asked.run)
    track = run.config().track
    check_prompts(track.name, track.preset, asked.prompts)
    from fpd_bench.runs.perform.prompt_sheet import open_student

    return open_student(run), run.run_id


def _writable(out: Path) -> None:
    """Check that the picture can be written, before any image is drawn. Raises ConfigError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir() or not os.access(out.parent, os.W_OK):
            raise PermissionError("it is a folder" if out.is_dir() else "no permission")
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> ConfigError:
    return ConfigError(f"Cannot write '{out}': {error.strerror or error}. Choose another with --out FILE.png.")


if __name__ == "__main__":
    leave(main)
