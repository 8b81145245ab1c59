"""A run's life: train, sample, evaluate, DONE. Each stage is skipped if its file is there, so any attempt can go on.

Nothing escapes `perform` but an Outcome: a failure is written into the run and the next run goes on.
"""

import gc
import traceback
from contextlib import suppress

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fpd_bench.bench import Track
from fpd_bench.config.identity import trains
from fpd_bench.config.schema import RunConfig
from fpd_bench.errors import Diverged, Interrupted, OddFile, Paused, RunError
from fpd_bench.runs.folder import claims, provenance, sealed
from fpd_bench.runs.folder.failures import DiskFull, check_space, failure_class, halved, micro_batch
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.runs.folder.stop_signals import StopFlag, stop_flag
from fpd_bench.runs.folder.whole_files import write_text
from fpd_bench.runs.perform import pauses
from fpd_bench.runs.perform.loaded_tracks import Bench, ImageSource, assets_of, open_source
from fpd_bench.runs.perform.recorder import RunRecorder
from fpd_bench.runs.perform.suite_answer import answer_suite, is_usable, stage

__all__ = ["Bench", "perform", "student_of"]

TRIES = 2  # of the stages, if a file is damaged meanwhile
RAW = "raw."  # prefix of the raw (not averaged) weights in student.safetensors


def perform(run: RunDir, bench: Bench) -> Outcome:
    """Carry a run from where it stands to its end, or to where it is stopped."""
    try:
        done = run.done()
        if done:
            return Outcome(run.run_id, done["status"])
        claim = claims.acquire(run.claim, max(run.attempts(), default=0) + 1)
    except claims.Claimed as error:
        return Outcome(run.run_id, "busy", str(error))
    except Exception as error:  # a run directory that cannot be read or written fails alone
        return _failed_before_attempt(run, error)
    try:
        with stop_flag(bench.parent) as stop:
            done = run.done()  # it may have ended between the first look and the claim
            outcome = Outcome(run.run_id, done["status"]) if done else _attempt(run, bench, claim, stop)
            return _attempt(run, bench, claim, stop) if _with_less_memory(run, outcome) else outcome
    except Exception as error:
        return _failed_before_attempt(run, error)
    finally:
        with suppress(OSError, OddFile):  # a claim that cannot be given back is a dead process's soon
            claims.release(run.claim, claim)


def _with_less_memory(run: RunDir, outcome: Outcome) -> bool:
    """Say whether the run ran out of memory and half the micro-batch may help; the next attempt will use it."""
    if outcome.failure_class != "out_of_memory":
        return False
    config = run.config()
    size = micro_batch(run, config.execution.micro_batch)
    if size == 1 or not trains(config):
        return False
    gc.collect()  # the failed attempt's tensors
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    run.append_event(run.next_event("memory") | {"micro_batch": halved(size, config.optim.batch)})
    return True


def _attempt(run: RunDir, bench: Bench, claim: claims.RunClaim, stop: StopFlag) -> Outcome:
    config = run.config()
    config.execution.micro_batch = micro_batch(run, config.execution.micro_batch)
    source, trouble = open_source(config, bench)
    assets = assets_of(config, source) if source else {}
    attempt = run.begin_attempt(provenance.record(config, assets))
    write_text(run.packages_file(attempt), provenance.installed())
    recorder = RunRecorder(run, claim, attempt, stop)
    recorder.event("attempt_started")
    recorder.heart.start()
    try:
        check_space(run.path)
        if source is None:
            raise trouble or RuntimeError("no track")
        _assets_unchanged(run, attempt, recorder)
        _repeat_until_sound(run, config, source, recorder)
        recorder.keep_claim()
        run.finish("done")
        recorder.event("finished")
        return Outcome(run.run_id, "done")
    except Diverged as error:
        step = getattr(error, "step", None) or max((row.get("step") or 0 for row in run.training_log()), default=0)
        recorder.event("diverged", step=step, message=str(error))
        run.finish("diverged")
        return Outcome(run.run_id, "diverged", str(error))
    except Paused as error:
        recorder.event("interrupted", step=_last_step(run), message=f"paused {error}")
        return Outcome(run.run_id, "paused", str(error))
    except Interrupted as error:
        recorder.event("interrupted", step=_last_step(run), message=str(error))
        return Outcome(run.run_id, "interrupted", str(error))
    except claims.LostClaim as error:
        return Outcome(run.run_id, "busy", str(error))
    except Exception as error:
        return _failed(run, recorder, error)
    finally:
        recorder.heart.stop()


def _repeat_until_sound(run: RunDir, config: RunConfig, source: ImageSource, recorder: RunRecorder) -> None:
    """Go through the stages, and again through those whose file was damaged while later ones were at work."""
    for _ in range(TRIES):
        _stages(run, config, source, recorder)
        damaged = [f"{path.name} {trouble}" for path in run.results() if (trouble := sealed.trouble(path))]
        if not damaged:
            return
    raise RunError(f"{', '.join(damaged)}, though it was written {TRIES} times. Check the disk.")


def _stages(run: RunDir, config: RunConfig, source: ImageSource, recorder: RunRecorder) -> None:
    student = None
    if source.track and trains(config):
        if not is_usable(run.student, recorder):
            _train_or_pause(run, config, source, recorder)
        student = student_of(run, config, source.track)
    answer_suite(run, config, source, student, source.judge.suite(config.evaluation.split), recorder)


def _train_or_pause(run: RunDir, config: RunConfig, source: ImageSource, recorder: RunRecorder) -> None:
    """Train to the end, or raise Paused where the run is to pause, after it has answered its suite there."""
    assert source.track
    recorder.pause_at = pauses.step_to_pause_at(run, config)
    if not pauses.is_reached(run, config):
        with stage(recorder, "train"):
            try:
                _train(run, config, source.track, recorder)
            except Interrupted:
                if not recorder.at_pause():
                    raise
    if pauses.is_reached(run, config):
        suite = pauses.suite_at(source.judge.suite(config.evaluation.split), config.execution.pause_at)
        if not is_usable(run.evaluation(suite.name), recorder):
            answer_suite(run, config, source, pauses.student_at(run, config, source.track), suite, recorder)
        sealed.remove(run.samples(suite.name))
        raise Paused(f"at step {config.execution.pause_at} of {config.optim.steps}")


def _train(run: RunDir, config: RunConfig, track: Track, recorder: RunRecorder) -> None:
    from fpd_bench.distill.team import assembled_team
    from fpd_bench.distill.trainer import train

    with assembled_team(config), recorder.mirrored(config):
        weights = train(config, track, recorder)
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    recorder.keep_claim()
    sealed.write(run.student, lambda path: save_file(plain, path))


def student_of(run: RunDir, config: RunConfig, track: Track) -> nn.Module:
    """Load the trained student, with the weights that the evaluation asks for."""
    from fpd_bench.distill.method import new_student

    weights = load_file(run.student)
    if config.evaluation.weights == "raw":
        chosen = {name.removeprefix(RAW): tensor for name, tensor in weights.items() if name.startswith(RAW)}
    else:
        chosen = {name: tensor for name, tensor in weights.items() if not name.startswith(RAW)}
    student = new_student(config, track)
    student.load_state_dict(chosen)
    return student.eval()


def _assets_unchanged(run: RunDir, attempt: int, recorder: RunRecorder) -> None:
    if attempt > 1 and run.attempt(attempt)["assets"] != run.attempt(attempt - 1).get("assets", {}):
        recorder.event("warning", message=f"the track's files differ from those of attempt {attempt - 1}")


def _last_step(run: RunDir) -> int:
    """Return the step that a next attempt will start from."""
    return max((event.get("step") or 0 for event in run.events() if event.get("kind") == "checkpoint"), default=0)


def _failed(run: RunDir, recorder: RunRecorder, error: Exception) -> Outcome:
    message = f"{type(error).__name__}: {error}"
    kind = failure_class(error)
    text = "".join(traceback.format_exception(error))
    try:
        recorder.event("failed", failure_class=kind, message=message, traceback=text)
    except OSError as second:  # the disk may be what failed; the outcome still carries the message
        message = f"{message} (and the run directory cannot be written: {second})"
    return Outcome(run.run_id, "failed", message, kind)


def _failed_before_attempt(run: RunDir, error: Exception) -> Outcome:
    """Return a failure from before there is an attempt that could record it; the disk may have no room for the event
    either.
    """
    kind, message = failure_class(error), f"{type(error).__name__}: {error}"
    if kind == "disk_full" and not isinstance(error, DiskFull):
        message = f"no space is left for '{run.path}'. Free some; the same command continues. Nothing was deleted."
    row = {"failure_class": kind, "message": message, "traceback": "".join(traceback.format_exception(error))}
    with suppress(OSError, OddFile):
        run.append_event(run.next_event("failed") | row)
    return Outcome(run.run_id, "failed", message, kind)
