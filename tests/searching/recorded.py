"""Searches over recorded runs: real run directories whose answers come from a response surface, so no training waits.

The executor below is one of three in a search's eyes; what is tested is everything between index and executor.
"""

import math
import random

from fpd_bench.config.searches.search_spec import load_search
from fpd_bench.runs.execute.executor import Ending
from fpd_bench.runs.folder.outcome import Outcome
from fpd_bench.runs.folder.rundir import RunDir
from fpd_bench.searching.rounds import Rounds
from fpd_bench.searching.study_look import look

PROMPTS = 40
FILE = """\
name: recorded
seeds: [100, 101, 102]
profiles: {{embedded: [track.name=shapes, optim.steps=300]}}
space:
  gan.weight: tag(log, interval(0.001, 1))
  drift.bandwidths: subset(0.1, 0.2, 0.5, 1, 2, 4; min=1, max=4)
baseline: ["drift.bandwidths=[0.5,1,2]", gan.weight=0]
sampler: {sampler}
trials: {trials}
parallel: {parallel}
race: {{keep: 3, p: 0.1{steps}}}
confirm: {{seeds: [0, 1, 2]}}
{more}
"""


def skill(config):
    """The true score of a configuration: best near lambda .05 and with bandwidths .5 and 1."""
    weight = config.gan.weight
    from_lambda = -0.08 * math.log10(weight / 0.05) ** 2 if weight else -0.1
    chosen = set(config.drift.bandwidths)
    return 0.55 + from_lambda + 0.08 * (0.5 in chosen) + 0.05 * (1.0 in chosen) - 0.02 * len(chosen)


def record(results, config, share=1.0, suite=None, end="done", differ=0.45):
    """The run of a configuration, as if it had been made: its answers to 40 prompts, two images each.

    share: of its skill that the training has reached; end None: the run goes on later; differ: how much its pictures
    of a prompt do, the teacher's .5.
    """
    run = RunDir.create(results, config)
    if run.is_done():
        return run
    if end == "diverged":
        run.finish(end)
        return run
    seed_luck = random.Random(f"{config.seed} {config.gan.weight}").gauss(0, 0.01)
    rows = []
    for prompt in range(PROMPTS):
        for replicate in range(2):
            noise = random.Random(f"{config.seed} {prompt} {replicate}").random()
            score = float(noise < share * skill(config) + seed_luck)
            task = ("colors", "counting")[prompt % 2]
            row = {"item": f"{prompt:03d}", "replicate": replicate, "task": task, "prompt": f"prompt {prompt}"}
            rows.append(row | {"score": score, "detail": {}})
    number = {"metric": "differ", "value": 0.5 if config.method == "teacher" else differ, "n": 2 * PROMPTS}
    rows.append(number | {"protocol": {"measure": "tokens", "images_per_prompt": 2}})
    run.append_training({"step": 1, "loss": 0.1, "memory_gb": 2.0 + config.gan.weight, "seconds/step": 0.5})
    run.finish_evaluation(suite or f"geneval-{config.evaluation.split}", rows)
    if end:
        run.finish(end)
    return run


class Killed(Exception):
    """The searching process is gone."""


class Recording:
    """An executor that looks runs up on the surface. kills: probability of dying before each of them."""

    here = True

    def __init__(self, rng=None, kills=0.0, failing=lambda config: False, collapsing=lambda config: False):
        self.made, self.rng, self.kills, self.failing, self.collapsing = [], rng, kills, failing, collapsing

    def carry_out(self, sweep, todo, results, tell, detach):
        configs = sweep.runs()
        for run_id in todo:
            if self.rng and self.rng.random() < self.kills:
                raise Killed
            config, step = configs[run_id], configs[run_id].execution.pause_at
            if self.failing(configs[run_id]):
                run = RunDir.create(results, configs[run_id])
                event = {"failure_class": "code", "message": "an error", "traceback": ""}
                run.append_event(run.next_event("failed") | event)
                continue
            differ = 0.2 if self.collapsing(config) else 0.45
            if step:
                share, suite = 0.5 + 0.5 * step / config.optim.steps, f"geneval-validation@{step}"
                record(results, config, share, suite, end=None, differ=differ)
            else:
                record(results, config, differ=differ)
            self.made.append((run_id, step))
            tell(Outcome(run_id, "paused" if step else "done"))
        return Ending()


class Study:
    """A search over recorded runs in a folder of its own."""

    def __init__(self, folder, sampler="tpe", trials=12, parallel=2, steps="", more=""):
        folder.mkdir(exist_ok=True)
        self.file, self.results = folder / "search.yaml", folder / "results"
        text = FILE.format(sampler=sampler, trials=trials, parallel=parallel, steps=steps, more=more)
        self.file.write_text(text)
        self.search = load_search(self.file)
        self.url = f"sqlite:///{self.results}/index.sqlite"
        self.said = []

    def run(self, executor=None):
        executor = executor or Recording()
        code = Rounds(self.search, executor, self.results, self.url, self.said.append).carry_out()
        return code, executor.made

    def look(self):
        return look(self.search, self.results, self.url)

    def told(self):
        """All that the study is: parameters, runs, values, winner."""
        with self.look() as seen:
            trials = [
                (one.number, one.params, sorted((s, r.run_id) for s, r in one.runs.items())) for one in seen.trials
            ]
            values = [[seen.board.values(one, level) for level in seen.board.levels] for one in seen.trials]
            return trials, values, seen.best.number if seen.best else None
