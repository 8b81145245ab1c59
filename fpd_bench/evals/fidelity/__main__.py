"""FID, Inception Score, precision, recall and KID of a folder of images.

examples:
  python -m fpd_bench.evals.fidelity samples/ --reference VIRTUAL_imagenet256_labeled.npz
  python -m fpd_bench.evals.fidelity results/runs/RUN/samples --reference adm_in256_stats.npz --device cuda
  python -m fpd_bench.evals.fidelity samples/ --reference real_images/ --preset lite0 --json

IMAGES is a folder of image files (PNG: JPEG changes FID), one .npz (`arr_0`, as ADM's sample batches) or a folder of
.npz files. They are streamed; features are kept by content, so the same command again is quick. Numbers with the same
protocol id may be compared; all others may not.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fpd_bench import metrics
from fpd_bench.cli import DISK_ERROR, Parser, carry_out, leave
from fpd_bench.errors import ConfigError
from fpd_bench.evals.fidelity.presets import PRESETS, preset


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print. Numbers go to stdout, progress and errors to stderr."""
    args = parser().parse_args(arguments)
    return carry_out(lambda: _measure(args), DISK_ERROR)


def _measure(args: argparse.Namespace) -> None:
    chosen = preset(args.preset)
    if args.weights and not chosen.needs_weights:
        raise ConfigError(
            f"--weights names a file with Inception's weights, which preset '{chosen.name}' does not use. Leave it out."
        )
    from fpd_bench.evals.fidelity.features import default_cache
    from fpd_bench.evals.fidelity.image_streams import open_images
    from fpd_bench.evals.fidelity.measure import measure
    from fpd_bench.evals.fidelity.reference import open_reference

    images, reference = open_images(args.images), open_reference(args.reference)
    print(f"{len(images)} images against {reference.name}, preset {chosen.name}", file=sys.stderr)
    cache = None if args.no_cache else args.cache or default_cache()
    found = measure(images, reference, chosen, args.weights, args.device, cache, _progress)
    if args.json:
        written = {"values": found.values, "protocol_id": found.id, "protocol": found.protocol, "notes": found.notes}
        print(json.dumps(written, indent=1))
        return
    for name, value in found.values.items():
        metric = metrics.get_or_plain(name)
        print(f"{metric.heading:12} {value:.{metric.digits}f}")
    protocol = found.protocol
    print(f"{protocol['images']} images, {protocol['evaluator']}, {protocol['extractor']}, protocol {found.id}")
    for note in found.notes:
        print(note, file=sys.stderr)


def _progress(done: int, total: int) -> None:
    print(f"\r{done} / {total}", end="\n" if done == total else "", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    made = Parser(
        prog="python -m fpd_bench.evals.fidelity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("images", type=Path, metavar="IMAGES", help="folder or .npz of generated images")
    made.add_argument(
        "--reference", type=Path, required=True, metavar="REF", help=".npz with mu, sigma, arr_0; or a folder of images"
    )
    made.add_argument("--preset", default="adm", help=f"one of {', '.join(PRESETS)} (default adm)")
    made.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="file with Inception's weights (default: looked for in $FPD_WEIGHTS)",
    )
    made.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")
    made.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder in which features are kept (default ~/.cache/fpd-bench/fidelity)",
    )
    made.add_argument("--no-cache", action="store_true", help="do not keep features")
    made.add_argument("--json", action="store_true", help="print numbers and protocol as JSON")
    return made


if __name__ == "__main__":
    leave(main)
