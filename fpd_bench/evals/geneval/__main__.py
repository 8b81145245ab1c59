"""GenEval without mmcv: `python -m fpd_bench.evals.geneval {prompts,score,rescore,summary,selftest} --help`."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence

from fpd_bench.cli import DISK_ERROR, carry_out, leave
from fpd_bench.evals.geneval import arguments as command_line
from fpd_bench.evals.geneval import prompt_grammar, scorer, selftest
from fpd_bench.evals.geneval.detectors import Backend, Colours, DetectorSettings, backend_class
from fpd_bench.evals.geneval.folder import read_folder
from fpd_bench.evals.geneval.precomputed import PrecomputedBackend
from fpd_bench.evals.geneval.prompt_rows import read_rows
from fpd_bench.evals.geneval.results_manifest import FLOOR, Manifest
from fpd_bench.evals.geneval.scoring import Options
from fpd_bench.evals.geneval.summary import summarise


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print. Results go to stdout, progress and errors to stderr; returns the exit code."""
    args = parser().parse_args(arguments)
    return carry_out(lambda: args.command(args), DISK_ERROR)


def parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    return command_line.parser(COMMANDS)


def _prompts(args: argparse.Namespace) -> None:
    rows = prompt_grammar.geneval_rows()
    if args.out is None:
        sys.stdout.write(prompt_grammar.to_jsonl(rows))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "evaluation_metadata.jsonl").write_text(prompt_grammar.to_jsonl(rows))
    (args.out / "generation_prompts.txt").write_text("".join(f"{row['prompt']}\n" for row in rows))
    (args.out / "object_names.txt").write_text("".join(f"{name}\n" for name in prompt_grammar.CLASSES))
    print(f"{len(rows)} prompts in {args.out}")


def _score(args: argparse.Namespace) -> None:
    suite = _suite(args)
    everything = read_folder(args.folder, suite, args.images_per_prompt, partial=args.partial)
    pictures = scorer.shard_of(everything, args.shard)
    out = scorer.shard_file(args.out, args.shard)
    options = _options(args)
    floor = min(FLOOR, options.threshold, options.counting_threshold)
    detector = _detector(args, floor)
    colours = _colours(args, detector)
    if isinstance(detector, PrecomputedBackend):
        detector.require(pictures, options, colours=colours is None)
    if args.self_test:
        print(f"self-test passed: {selftest.check(detector, args.self_test)} objects as expected", file=sys.stderr)
    manifest = Manifest(
        detector=detector.identity,
        colours=colours.identity if colours else None,
        options=options,
        prompts_sha256=hashlib.sha256(prompt_grammar.to_jsonl(suite).encode()).hexdigest(),
        images_per_prompt=args.images_per_prompt,
        partial=args.partial,
        prompts_rewritten=args.rewritten,
        floor=floor,
        shard=args.shard,
    )
    print(f"{len(everything)} images, {len(pictures)} in shard {args.shard}, results in {out}", file=sys.stderr)
    scorer.score_folder(
        pictures, detector, out, manifest, colours=colours, batch=args.batch,
        progress=lambda done, total: print(f"\r{done} / {total}", end="", file=sys.stderr),
        warn=lambda words: print(words, file=sys.stderr),
    )  # fmt: skip
    print(file=sys.stderr)
    if args.shard == "1/1":
        sys.stdout.write(summarise(scorer.merge([out])).text())


def _rescore(args: argparse.Namespace) -> None:
    sys.stdout.write(summarise(scorer.rescore(args.results, args.out, _options(args))).text())


def _summary(args: argparse.Namespace) -> None:
    rows = scorer.merge(args.results)
    scorer.check_results(rows, _suite(args), args.images_per_prompt, args.partial)
    summary = summarise(rows)
    sys.stdout.write(json.dumps(summary.as_dict(), indent=1) + "\n" if args.json else summary.text())


def _selftest(args: argparse.Namespace) -> None:
    detector = _detector(args)
    if args.record:
        print(f"recorded {selftest.record(detector, args.record, args.expected)} objects in {args.expected}")
    else:
        print(f"self-test passed: {selftest.check(detector, args.expected)} objects as expected")


def _suite(args: argparse.Namespace) -> list[prompt_grammar.Row]:
    return read_rows(args.metadata) if args.metadata else prompt_grammar.geneval_rows()


def _detector(args: argparse.Namespace, floor: float = FLOOR) -> Backend:
    settings = DetectorSettings(args.weights, args.config, args.device, floor)
    return backend_class(args.detector).from_settings(settings)


def _colours(args: argparse.Namespace, detector: Backend) -> Colours | None:
    """Open CLIP, except for backends that know colours."""
    if detector.knows_colours and not args.clip:
        return None
    from fpd_bench.evals.geneval.clip import ClipColours

    return ClipColours(
        args.clip_model, args.clip_weights, device=args.device, amp=args.amp, background=args.background,
        crop=not args.no_crop,
    )  # fmt: skip


def _options(args: argparse.Namespace) -> Options:
    return Options(args.threshold, args.counting_threshold, args.max_objects, args.max_overlap, args.position_threshold)


COMMANDS = {
    "prompts": _prompts,
    "score": _score,
    "rescore": _rescore,
    "summary": _summary,
    "selftest": _selftest,
}

if __name__ == "__main__":
    leave(main)
