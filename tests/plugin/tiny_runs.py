"""What tests of a run's life share: tiny configurations and sweeps, and commands on them in fresh processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PLUGIN = Path(__file__).parent
ROOT = PLUGIN.parents[1]
BASE = [
    "track.name=tiny", "drift.space=pixel", "drift.blocks=[]", "drift.grid=2", "optim.steps=30", "optim.batch=8",
    "optim.warmup=2", "optim.samples_per_condition=4", "execution.checkpoint_every=5", "execution.log_every=1",
    "execution.grid_every=1000", "evaluation.images_per_prompt=2",
]  # fmt: skip
SWEEP = """\
name: tiny
seeds: [0, 1]
profiles: {{embedded: [{base}]}}
tables:
  - id: a
    grid: ["estimator=soft,ste"]
    rows: [{{id: ste, label: STE, where: {{estimator: ste}}, published: 0.43}}]
"""


def write_sweep(folder):
    """A sweep of two rows and two seeds."""
    path = Path(folder) / "tiny.yaml"
    path.write_text(SWEEP.format(base=", ".join(f'"{text}"' for text in BASE)))
    return path


def environment(**extra):
    """Variables under which a fresh process finds this package and the plugin."""
    path = os.pathsep.join([str(PLUGIN), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | {k: str(v) for k, v in extra.items()}


def _hear_ctrl_c():
    """A shell that starts pytest in the background makes it, and so its children, deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(door, *arguments, **variables):
    """`python -m fpd_bench.<door> arguments` in a session of its own, running."""
    command = [sys.executable, "-m", f"fpd_bench.{door}", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        env=environment(**variables),
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )


def call(door, *arguments, **variables):
    """The same, to its end: (exit code, stdout, stderr)."""
    process = start(door, *arguments, **variables)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def wait_until(condition, seconds=180):
    """What `condition` gives once it gives something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def fingerprint(run):
    """What must not depend on how often a run was interrupted: weights, images, scores and the training log."""
    from fpd_bench.records.layout import sha256

    files = [run.student, run.samples("test"), run.evaluation("test")]
    log = [{k: v for k, v in row.items() if k in ("step", "loss")} for row in run.training_log()]
    return [sha256(path) for path in files], log
