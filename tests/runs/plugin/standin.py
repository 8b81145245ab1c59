"""Bare stand-ins for distill/trainer.py and evals/sampling.py, for a checkout that does not have them yet."""

import importlib.util
import sys
import types

import torch

from fpd_bench.distill.masking import start_tokens
from fpd_bench.distill.streams import Streams, seed_of
from fpd_bench.errors import Diverged, Interrupted


def train(config, track, recorder):
    from fpd_bench.distill.fpd import FixedPointDistillation

    streams, student = Streams(config.seed), track.new_student()
    method = FixedPointDistillation(config, track, streams)
    optimizer = torch.optim.AdamW(student.parameters(), lr=config.optim.lr)
    state = recorder.load()
    step = 0
    if state:
        step = state["step"]
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        streams.load_state_dict(state["streams"])
    while step < config.optim.steps:
        prompts = track.draw_conditions(config.optim.batch // config.drift.samples_per_condition, streams["conditions"])
        optimizer.zero_grad()
        stats = method.backward(student, prompts.repeat(config.drift.samples_per_condition), step / config.optim.steps)
        if not stats["loss"] < float("inf"):
            raise Diverged(f"loss {stats['loss']} at step {step + 1}")
        optimizer.step()
        step += 1
        recorder.log({"step": step, "loss": stats["loss"]})
        recorder.progress(step, config.optim.steps)
        stop = recorder.should_stop()
        if stop or step % config.execution.checkpoint_every == 0:
            kept = {"student": student.state_dict(), "optimizer": optimizer.state_dict()}
            recorder.save(step, {"step": step, "streams": streams.state_dict()} | kept)
        if stop:
            raise Interrupted(f"stopped at step {step}; the same command continues")
    weights = student.state_dict()
    return weights | {f"raw.{name}": tensor for name, tensor in weights.items()}


@torch.no_grad()
def run_images(config, track, student, suite, replicates):
    for item in range(len(suite.items)):
        for replicate in range(replicates):
            generator = torch.Generator().manual_seed(seed_of(config.seed, suite.name, item, replicate))
            condition = suite.condition[[item]]
            if student is None:
                codes = track.teacher_sample(condition, config.evaluation.teacher_steps, [generator])
            else:
                start = start_tokens(1, track.n_tokens, track.n_codes, config.start.r_init, generator)
                logits = student(start, condition)[0]
                codes = torch.multinomial(logits.softmax(-1), 1, generator=generator).T
            image = track.tokenizer.decode(track.tokenizer.codebook[codes])[0]
            yield item, replicate, (image.clamp(0, 1) * 255).round().to(torch.uint8)


for name, function in (("fpd_bench.distill.trainer", train), ("fpd_bench.evals.sampling", run_images)):
    if importlib.util.find_spec(name) is None:
        module = types.ModuleType(name)
        setattr(module, function.__name__, function)
        sys.modules[name] = module
