"""python -m fpd_bench.tracks {build,fetch,check,convert} ...

`build shapes` rebuilds an embedded track's assets from nothing but code, `build digits` from code and the images of a
package; a killed build goes on where it stood. `build shapes --part phi` trains the network behind
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

from fpd_bench.assets.hub import HUB
from fpd_bench.cli import Parser, leave
from fpd_bench.config.tracks import EMBEDDED, track_facts
from fpd_bench.errors import AssetError, ConfigError, FpdError, UnknownName
from fpd_bench.tracks.building import PARTS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code: 0 built or all well, 2 wrong usage, or files that a run cannot use."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except FpdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        what = {"build": "the assets", "convert": "the weights"}.get(options.command, "the picture")
        how = "other folders with --work and --out" if options.command == "build" else "another place with --out"
        print(f"Cannot write {what}: {error}. Choose {how}.", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python -m fpd_bench.tracks", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="train an embedded track's networks and write its assets")
    build.add_argument("track", help="shapes or digits")
    build.add_argument("--preset", default="default", help="of shapes: plain, textured, coarse, large, free")
    build.add_argument("--steps", type=int, help="training steps of each network (default: the preset's recipe)")
    build.add_argument("--part", choices=PARTS, default=PARTS[0], help="phi: of the domain (drift.backbone=shapes)")
    build.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    build.add_argument("--work", type=Path, default=Path("results/build"), help="checkpoints (default: results/build)")
    build.add_argument("--out", type=Path, help="folder of the assets (default: those of the package)")
    build.set_defaults(run=_build)
    fetch = commands.add_parser("fetch", help="bring the published files of a track from the hub")
    fetch.add_argument("track", help="maskgen or maskgit")
    fetch.add_argument("--weights", type=Path, metavar="DIR", help="or `hub`, our cache (default: $FPD_WEIGHTS)")
    fetch.set_defaults(run=_fetch)
    check = commands.add_parser("check", help="verify the published files of a track, and draw a picture with them")
    check.add_argument("track", help="maskgen or maskgit")
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
    return parser


def _convert(options: argparse.Namespace) -> int:
    from fpd_bench.tracks.converting import convert

    print(convert(options.file, options.name, options.out))
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from fpd_bench.tracks.fetching import fetch

    if options.weights is not None and str(options.weights) != HUB:
        options.weights.mkdir(parents=True, exist_ok=True)
    for line in fetch(options.track, _folder(options)):
        print(line, flush=True)
    print(f"Next: python -m fpd_bench.tracks check {options.track}", file=sys.stderr)
    return 0


def _folder(options: argparse.Namespace) -> Path:
    """Find the weights folder of a published track. Raises UnknownName, AssetError."""
    from fpd_bench.assets.published import PUBLISHED, VARIABLE, weights_folder

    if options.track not in PUBLISHED:
        raise UnknownName("track with published weights", options.track, PUBLISHED)
    if str(options.weights) == HUB and not options.weights.is_dir():
        os.environ[VARIABLE] = HUB
        options.weights = None
    if options.weights is not None and not options.weights.is_dir():
        raise AssetError(f"--weights {options.weights} is not a folder. See docs/paper_scale.md.")
    try:
        return options.weights or weights_folder(options.track)
    except AssetError as error:
        asked = f"Track '{options.track}' needs its published weights"
        raise AssetError(f"{asked}: {error} Or name the folder with --weights.") from None


def _check(options: argparse.Namespace) -> int:
    from fpd_bench.assets.published import data_folder, files_of, missing
    from fpd_bench.tracks import checking

    folder = _folder(options)
    missing(files_of(options.track), folder)  # fetches with FPD_WEIGHTS=hub; what stays missing is told below
    data = options.data or data_folder(folder)

    said: list[checking.Finding] = []

    def say(findings: Iterable[checking.Finding]) -> bool:
        """Print each finding as it comes; say whether all is well so far."""
        for finding in findings:
            print(finding, flush=True)
            said.append(finding)
        return not checking.any_wrong(said)

    well = say(checking.check_files(options.track, folder))
    if well:
        well = say([checking.check_memory(options.track, folder)])  # before anything big is imported
    if well:
        well = say(checking.check_shapes(options.track, folder))
    if well:
        well = say(checking.check_data(options.track, data))
    say(checking.check_fidelity(options.track, folder))  # notes: only FID reads them
    if well and not options.quick:
        picture = options.out or Path(f"check_{options.track}.png")
        well = say(checking.check_models(options.track, folder, data, picture))
    print(f"Track '{options.track}' {checking.readiness(said)}.", file=sys.stderr)
    return 0 if well else 2


def _build(options: argparse.Namespace) -> int:
    if options.track not in EMBEDDED:
        raise UnknownName("track that can be built", options.track, EMBEDDED)
    for name in ("steps", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} must be 1 or more; got {value}.")
    track_facts(options.track, options.preset)  # an unknown preset is refused before torch is loaded
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from fpd_bench.tracks.building import build

    torch.set_num_threads(options.threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task("begins", total=None)

        def show(network: str, step: int, steps: int, loss: float) -> None:
            bars.update(bar, total=steps, completed=step, description=f"{network}, loss {loss:.3f}")

        print(build(options.track, options.preset, options.work, options.out, options.steps, show, options.part))
    return 0


if __name__ == "__main__":
    leave(main)
