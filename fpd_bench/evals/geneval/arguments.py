"""The command line of `python -m fpd_bench.evals.geneval`: commands, options, help with examples."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from fpd_bench.cli import Parser
from fpd_bench.evals.geneval.detectors import BACKENDS
from fpd_bench.evals.geneval.scoring import Options

RUN = "python -m fpd_bench.evals.geneval"
EXAMPLES = {
    "prompts": f"""examples:
  {RUN} prompts --out geneval_prompts      the official three files
  {RUN} prompts | head -1                  the metadata rows, one a line""",
    "score": f"""examples:
  {RUN} score images --out results.jsonl --device cuda
  {RUN} score images --out results.jsonl --shard 2/4      writes results.2-of-4.jsonl; run all four, then `summary`
  {RUN} score images --out results.jsonl --weights weights/mask2former --clip-weights weights/ViT-L-14.pt
  {RUN} score images --out results.jsonl --detector precomputed --weights detections.json
  {RUN} score images --out ours.jsonl --detector precomputed --weights theirs.jsonl     what GenEval itself wrote
  {RUN} score images --out results.jsonl --detector shapes --metadata shapes.jsonl
The images lie in <folder>/00000/samples/00000.png with the prompt's row in <folder>/00000/metadata.jsonl.
The same command again continues where it stopped.""",
    "rescore": f"""examples:
  {RUN} rescore results.jsonl --out strict.jsonl --threshold 0.5
  {RUN} rescore results.jsonl --out lenient.jsonl --counting-threshold 0.7""",
    "summary": f"""examples:
  {RUN} summary results.jsonl
  {RUN} summary results.1-of-2.jsonl results.2-of-2.jsonl --json""",
    "selftest": f"""examples:
  {RUN} selftest tests/cat.json                                   check this machine's detector
  {RUN} selftest tests/cat.json --record tests/cat.png            record it on a machine you trust""",
}


def parser(commands_of: Mapping[str, Callable[[argparse.Namespace], None]]) -> argparse.ArgumentParser:
    """Make the parser; each command sets `command` to its function in `commands_of`."""
    top = Parser(prog=RUN, description="GenEval: prompts, scoring and summary, without mmcv.")
    commands = top.add_subparsers(required=True, metavar="{prompts,score,rescore,summary,selftest}")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=what, description=what, epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(command=commands_of[name])
        return sub

    sub = command("prompts", "Write the official 553 prompts, regenerated and checked.")
    sub.add_argument("--out", type=Path, metavar="FOLDER", help="write the three files there (default: stdout)")

    sub = command("score", "Detect and judge an image folder; resumable.")
    sub.add_argument("folder", type=Path, help="the image folder")
    sub.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="file of results (.jsonl), which the same command continues",
    )
    sub.add_argument(
        "--shard",
        default="1/1",
        metavar="I/N",
        help="score only this share of the prompts, for example 2/4 (default 1/1)",
    )
    sub.add_argument(
        "--batch", type=_from_1, default=8, metavar="N", help="images in each call of the detector (default 8)"
    )
    sub.add_argument("--self-test", type=Path, metavar="FILE", help="check the detector against FILE first")
    sub.add_argument("--rewritten", action="store_true", help="record that a language model rewrote the prompts")
    for add in (_add_suite, _add_detector, _add_clip, _add_options):
        add(sub)

    sub = command("rescore", "Judge stored detections again with other settings; no images needed.")
    sub.add_argument("results", type=Path, help="a results file")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="the new results file")
    _add_options(sub)

    sub = command("summary", "Print GenEval's summary of complete results (one file, or all shards).")
    sub.add_argument("results", type=Path, nargs="+", help="results files")
    sub.add_argument("--json", action="store_true", help="print the numbers as JSON")
    _add_suite(sub)

    sub = command("selftest", "Check that the detector sees what it saw on a trusted machine.")
    sub.add_argument("expected", type=Path, help="the self-test file (JSON, beside its image)")
    sub.add_argument("--record", type=Path, metavar="IMAGE", help="make the file from this image instead")
    _add_detector(sub)
    return top


def _from_1(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1; got '{word}'")
    return int(word)


def _add_suite(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("suite")
    group.add_argument(
        "--metadata", type=Path, metavar="FILE", help="metadata rows of another suite (default: GenEval's 553)"
    )
    group.add_argument(
        "--images-per-prompt", type=_from_1, default=4, metavar="N", help="images of each prompt (default 4)"
    )
    group.add_argument(
        "--partial", action="store_true", help="accept prompts and images that are missing, but none beyond the suite"
    )


def _add_detector(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("detector")
    group.add_argument("--detector", default="mask2former-hf", help=f"one of {', '.join(sorted(BACKENDS))}")
    group.add_argument(
        "--weights", metavar="PATH", help="weights of the detector; for 'precomputed', the file of stored detections"
    )
    group.add_argument("--config", metavar="FILE", help="configuration of the detector 'mmdet'")
    group.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")


def _add_clip(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("colour classifier")
    group.add_argument("--clip", action="store_true", help="use CLIP even if the detector knows colours")
    group.add_argument("--clip-model", default="ViT-L-14-quickgelu", metavar="NAME", help="default ViT-L-14-quickgelu")
    group.add_argument("--clip-weights", default="openai", metavar="TAG|FILE", help="default openai (downloaded)")
    group.add_argument(
        "--amp", action=argparse.BooleanOptionalAction, default=True,
        help="half precision on a GPU, as GenEval itself computes (default; never on a CPU)",
    )  # fmt: skip
    group.add_argument(
        "--background",
        default="#999",
        help="colour of the canvas behind a masked object, or 'original' for the image itself",
    )
    group.add_argument("--no-crop", action="store_true", help="show CLIP the whole image instead of the object's box")


def _add_options(sub: argparse.ArgumentParser) -> None:
    group, default = sub.add_argument_group("rules"), Options()
    for name, kind, what in (
        ("threshold", float, "score that a detection must exceed"),
        ("counting_threshold", float, "the same for the task counting"),
        ("max_objects", int, "most objects of a class, the best ones"),
        ("max_overlap", float, "IoU from which the weaker box is dropped; 1 = off"),
        ("position_threshold", float, "share of both sizes that an offset must exceed"),
    ):
        value = getattr(default, name)
        group.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=value, metavar="X", help=f"{what} (default {value})"
        )
