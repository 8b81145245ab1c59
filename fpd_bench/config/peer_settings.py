"""Settings of the peers (fpd_bench/distill/peers), as fields `plugin.NAME.FIELD`. Defaults are for the embedded tracks.

docs/methods.md says of each which value is published and which is ours.
"""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, DECAY, FRACTION, NOT_NEGATIVE, POSITIVE, SHARE, knob, span


@dataclass
class DmmdSettings:
    """D-MMD, and IDLM as a switch."""

    idlm: bool = knob(
        False, "IDLM: the draft is masked anew, weighted as in the ELBO, and the auxiliary learns without the teacher"
    )
    steps: int = knob(
        1,
        "k: steps that the student is to need; 1 = from z_init alone, without data; more = also from partly masked "
        "pairs of the track",
        within=COUNT,
    )
    pairs: int = knob(2000, "of the track that plugin.d_mmd.steps above 1 learns from", within=COUNT)
    aux_lr: float = knob(2e-4, "learning rate of the auxiliary network", within=POSITIVE)
    aux_updates: int = knob(1, "of the auxiliary network after each of the student", within=COUNT)
    lead: int = knob(10, "updates of the auxiliary network before the student's first", within=NOT_NEGATIVE)
    teacher_temperature: float = knob(1.0, "divides the teacher's guided logits", within=POSITIVE)
    teacher_top_p: float = knob(
        1.0, "codes outside of it are made less likely by a factor of e^8, not impossible", within=SHARE
    )
    clip: float = knob(10.0, "largest absolute log-ratio of auxiliary and teacher", within=POSITIVE)


@dataclass
class RediSettings:
    """ReDi1, ReDi2 and ReDi3-distill: stages of one run, of equal length but for the first."""

    until: str = knob("redi3_distill", "the last stage", choices=("redi1", "redi2", "redi3_distill"))
    tuning: float = knob(0.25, "share of the steps in which the teacher learns mixed noise first", within=DECAY)
    pairs: int = knob(2000, "of the track for that, and of every later stage", within=COUNT)
    rectify_steps: int = knob(16, "of the sampler that makes a stage's pairs", within=COUNT)
    rectify_guidance: float = knob(1.0, "its guidance", within=NOT_NEGATIVE)
    distill_guidance: float = knob(8.0, "the same for ReDi3-distill's pairs", within=NOT_NEGATIVE)
    label_smoothing: float = knob(0.1, "of all cross-entropies", within=DECAY)
    drop: float = knob(0.1, "share of conditions that are left out", within=FRACTION)


@dataclass
class SoftDimoSettings:
    """Soft-Di[M]O's discriminator; Di[M]O's own settings are `dimo.*`."""

    weight: float = knob(1.0, "w_GAN of L_DiMO + w_GAN L_GAN", within=NOT_NEGATIVE)
    lr: float = knob(1e-4, "learning rate of the discriminator's heads", within=POSITIVE)
    hidden: float = knob(0.95, "largest share of tokens that it does not see", within=FRACTION)
    pairs: int = knob(2000, "of the track, which it takes for real", within=COUNT)


@dataclass
class SdttSettings:
    """SDTT's rounds: in round k the student learns to go 2^(k + 1) / base_steps at once."""

    rounds: int = knob(4, "in one run, of equal length", within=COUNT)
    base_steps: int = knob(16, "N0: steps of the first round's teacher", within=COUNT)
    pairs: int = knob(2000, "of the track", within=COUNT)
    divergence: str = knob(
        "reverse_kl",
        "between the student's law p and the teachers' q: KL(p, q), KL(q, p), or mean squares or absolutes of log p - "
        "log q",
        choices=("reverse_kl", "forward_kl", "mse", "l1"),
    )
    schedule: str = knob("arccos", "gamma(t), the share that is masked at t", choices=("arccos", "linear"))


@dataclass
class Di4CSettings:
    """Di4C and Di4C-d."""

    latents: int = knob(8, "M: members of the mixture for each image", within=span(2, 1024))
    delta: float = knob(0.0625, "how much time the teacher's one step takes", within=SHARE)
    alpha: float = knob(
        0.1, "of the data's correlations, times sigmoid(20 (1/2 - r)); Di4C-d only", within=NOT_NEGATIVE
    )
    pairs: int = knob(2000, "of the track", within=COUNT)
    drop: float = knob(0.1, "share of conditions that are left out, for student and teacher alike", within=FRACTION)
