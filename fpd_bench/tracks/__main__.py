"""python -m fpd_bench.tracks {build,fetch,check,convert} ...

`build shapes` rebuilds an embedded track's assets from nothing but code, `build digits` from code and the images of a
package; a killed build goes on where it stood. `build shapes --part backbone` trains the network behind
drift.backbone=shapes instead of a teacher.
`fetch maskgen` brings the published files of one of the paper's tracks from the hub, those that are not there yet.
`check maskgen` says whether they are there and work.
`convert FILE` takes the weights out of an old pickle, without running the code that it names.

  python -m fpd_bench.tracks build shapes --preset coarse --steps 200 --out /tmp/assets
  python -m fpd_bench.tracks build digits --work /tmp/work --out /tmp/assets
  python -m fpd_bench.tracks fetch maskgen --weights ~/fpd-weights
  python -m fpd_bench.tracks check maskgen --weights ~/fpd-weights
  python -m fpd_bench.tracks check maskgit --weights hub --quick
  python -m fpd_bench.tracks convert ~/fpd-weights/Maskgit-pytorch/pretrained_maskgit/VQGAN/last.ckpt
"""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from fpd_bench.assets.environment import VARIABLE, data_folder
from fpd_bench.assets.hub import HUB
from fpd_bench.assets.published_files import TrackFiles
from fpd_bench.assets.required_files import absent_files, weights_folder
from fpd_bench.cli import Parser, carry_out, leave
from fpd_bench.config.tracks import tracks_that
from fpd_bench.errors import AssetError, ConfigError, UnknownName
from fpd_bench.registry import tracks
from fpd_bench.tracks.building import build, check_build


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 built or all well, 2 wrong usage, or files that a run cannot use."""
    options = parser().parse_args(arguments)
    what = {"build": "the assets", "convert": "the weights"}.get(options.command, "the picture")
    how = "other folders with --work and --out" if options.command == "build" else "another place with --out"
    return carry_out(lambda: options.run(options), f"Cannot write {what}: {{error}}. Choose {how}.")


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    form = argparse.RawDescriptionHelpFormatter
    made = Parser(prog="python -m fpd_bench.tracks", description=__doc__, formatter_class=form)
    commands = made.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="train an embedded track's networks and write its assets")
    build.add_argument("track", help=" or ".join(tracks_that("build")))
    build.add_argument("--preset", default="default", help="of the track; shapes has plain, textured, ...")
    build.add_argument("--steps", type=int, help="training steps of each network (default: the preset's recipe)")
    build.add_argument(
        "--part",
        default="",
        help="which of the track's networks; of shapes: teacher (default), or backbone for drift.backbone=shapes",
    )
    build.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    build.add_argument("--work", type=Path, default=Path("results/build"), help="checkpoints (default: results/build)")
    build.add_argument("--out", type=Path, help="folder of the assets (default: those of the package)")
    build.set_defaults(run=_build)
    fetch = commands.add_parser("fetch", help="bring the published files of a track from the hub")
    fetch.add_argument("track", help=" or ".join(tracks_that("published")))
    fetch.add_argument("--weights", type=Path, metavar="DIR", help="or `hub`, our cache (default: $FPD_WEIGHTS)")
    fetch.set_defaults(run=_fetch)
    check = commands.add_parser("check", help="verify the published files of a track, and draw a picture with them")
    check.add_argument("track", help=" or ".join(tracks_that("published")))
    check.add_argument("--weights", type=Path, metavar="DIR", help="or `hub`: fetch first (default: $FPD_WEIGHTS)")
    check.add_argument("--data", type=Path, metavar="DIR", help="captions and images (default: $FPD_DATA, DIR/data)")
    check.add_argument("--quick", action="store_true", help="files, their fit, data and memory; nothing is loaded")
    check.add_argument("--out", type=Path, metavar="PNG", help="the picture (default: check_TRACK.png)")
    check.set_defaults(run=_check)
    convert = commands.add_parser("convert", help="the weights of an old pickle as .safetensors; none of its code runs")
    convert.add_argument("file", type=Path, help="written by torch.save or pickle.dump")
    convert.add_argument("--name", default="", help="which of several objects in the file, for example ema")
    convert.add_argument("--out", type=Path, metavar="FILE", help="(default: beside it, as .safetensors)")
    convert.set_defaults(run=_convert)
    return made


def _convert(options: argparse.Namespace) -> int:
    from fpd_bench.tracks.converting import convert

    print(convert(options.file, options.name, options.out))
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from fpd_bench.tracks.fetching import fetch

    if options.weights is not None and str(options.weights) != HUB:
        options.weights.mkdir(parents=True, exist_ok=True)
    files, folder = _published(options)
    for line in fetch(files, folder):
        print(line, flush=True)
    print(f"Next: python -m fpd_bench.tracks check {options.track}", file=sys.stderr)
    return 0


def _published(options: argparse.Namespace) -> tuple[TrackFiles, Path]:
    """Give what a track needs of published files, and their folder. Raises UnknownName, AssetError."""
    files = tracks.declaration(options.track).published if options.track in tracks.known() else None
    if files is None:
        raise UnknownName("track with published weights", options.track, tracks_that("published"))
    if str(options.weights) == HUB and not options.weights.is_dir():
        os.environ[VARIABLE] = HUB
        options.weights = None
    if options.weights is not None and not options.weights.is_dir():
        raise AssetError(f"--weights {options.weights} is not a folder. See docs/paper_scale.md.")
    try:
        return files, options.weights or weights_folder(files)
    except AssetError as error:
        asked = f"Track '{options.track}' needs its published weights"
        raise AssetError(f"{asked}: {error} Or name the folder with --weights.") from None


def _check(options: argparse.Namespace) -> int:
    from fpd_bench.tracks import checking

    files, folder = _published(options)
    absent_files(files.everything, folder)  # fetches with FPD_WEIGHTS=hub; what stays missing is told below
    data = options.data or data_folder(folder)

    said: list[checking.Finding] = []

    def say(findings: Iterable[checking.Finding]) -> bool:
        """Print each as it comes; say whether all is well."""
        for finding in findings:
            print(finding, flush=True)
            said.append(finding)
        return not checking.wrong(said)

    well = say(checking.check_files(files, folder))
    if well:
        well = say([checking.check_memory(files, folder)])  # before anything big is imported
    if well:
        well = say(checking.check_shapes(files, folder))
    if well:
        well = say(checking.check_data(files, data))
    say(checking.check_fidelity(files, folder))  # notes: only FID reads them
    if well and not options.quick:
        picture = options.out or Path(f"check_{options.track}.png")
        well = say(checking.check_models(options.track, folder, data, picture))
    print(f"Track '{options.track}' {checking.summary_of_findings(said)}.", file=sys.stderr)
    return 0 if well else 2


def _build(options: argparse.Namespace) -> int:
    part = check_build(options.track, options.preset, options.part)
    for name in ("steps", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} must be 1 or more; got {value}.")
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    torch.set_num_threads(options.threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task("begins", total=None)

        def show(network: str, step: int, steps: int, loss: float) -> None:
            bars.update(bar, total=steps, completed=step, description=f"{network}, loss {loss:.3f}")

        print(build(options.track, options.preset, options.work, options.out, options.steps, show, part))
    return 0


if __name__ == "__main__":
    leave(main)
