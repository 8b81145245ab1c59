"""Settings of the peers (fpd_bench/distill/peers), as fields `plugin.NAME.FIELD`. Defaults are for the embedded tracks.

docs/methods.md says of each which value is published and which is ours.
"""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, DECAY, FRACTION, NOT_NEGATIVE, POSITIVE, SHARE, knob, span


@dataclass
class DmmdSettings:
    """D-MMD, and IDLM as a switch."""

    idlm: bool = knob(
        False,
        "IDLM: the student's draft is masked again, weighted as in the ELBO, and the auxiliary network learns "
        "without the teacher",
    )
    steps: int = knob(
        1,
        "k: number of steps in which the student is meant to sample; 1 = it learns from z_init alone and "
        "needs no data; more = it also learns from partly masked pairs of the track",
        within=COUNT,
    )
    pairs: int = knob(
        2000, "number of the track's pairs to learn from, where plugin.d_mmd.steps is above 1", within=COUNT
    )
    aux_lr: float = knob(2e-4, "learning rate of the auxiliary network", within=POSITIVE)
    aux_updates: int = knob(1, "updates of the auxiliary network after each update of the student", within=COUNT)
    lead: int = knob(10, "updates of the auxiliary network before the student's first update", within=NOT_NEGATIVE)
    teacher_temperature: float = knob(1.0, "the teacher's guided logits are divided by it", within=POSITIVE)
    teacher_top_p: float = knob(
        1.0,
        "probability mass of the teacher's likeliest codes that is kept as it is; all other codes become less "
        "likely by a factor of e^8, not impossible",
        within=SHARE,
    )
    clip: float = knob(10.0, "largest absolute log-ratio between auxiliary network and teacher", within=POSITIVE)

    @property
    def pairs_read(self) -> int:
        """Count the pairs that it learns from: none for one step."""
        return self.pairs if self.steps > 1 else 0


@dataclass
class RediSettings:
    """ReDi1, ReDi2 and ReDi3-distill: stages of one run, of equal length but for the first."""

    until: str = knob("redi3_distill", "the last stage to train", choices=("redi1", "redi2", "redi3_distill"))
    tuning: float = knob(0.25, "share of the steps in which the teacher first learns from mixed noise", within=DECAY)
    pairs: int = knob(
        2000, "number of the track's pairs for that first part, and of pairs made for every later stage", within=COUNT
    )
    rectify_steps: int = knob(16, "steps of the sampler that makes the pairs of a stage", within=COUNT)
    rectify_guidance: float = knob(1.0, "guidance of the sampler that makes the pairs of a stage", within=NOT_NEGATIVE)
    distill_guidance: float = knob(
        8.0, "guidance of the sampler that makes the pairs of ReDi3-distill", within=NOT_NEGATIVE
    )
    label_smoothing: float = knob(0.1, "label smoothing of all cross-entropies", within=DECAY)
    drop: float = knob(0.1, "share of training examples without their condition", within=FRACTION)


@dataclass
class SoftDimoSettings:
    """Soft-Di[M]O's discriminator; Di[M]O's own settings are `dimo.*`."""

    weight: float = knob(1.0, "w_GAN in the loss L_DiMO + w_GAN L_GAN", within=NOT_NEGATIVE)
    lr: float = knob(1e-4, "learning rate of the discriminator's heads", within=POSITIVE)
    hidden: float = knob(0.95, "largest share of tokens that are hidden from the discriminator", within=FRACTION)
    pairs: int = knob(2000, "number of the track's pairs that the discriminator takes as real", within=COUNT)


@dataclass
class SdttSettings:
    """SDTT's rounds: in round k the student learns to go 2^(k + 1) / base_steps at once."""

    rounds: int = knob(4, "rounds in one run, all of equal length", within=COUNT)
    base_steps: int = knob(16, "N0: steps of the first round's teacher", within=COUNT)
    pairs: int = knob(2000, "number of the track's pairs to learn from", within=COUNT)
    divergence: str = knob(
        "reverse_kl",
        "distance between the student's law p and the teachers' law q: KL(p, q), KL(q, p), or the mean square "
        "or mean absolute value of log p - log q",
        choices=("reverse_kl", "forward_kl", "mse", "l1"),
    )
    schedule: str = knob(
        "arccos", "gamma(t), the share of tokens that is masked at time t", choices=("arccos", "linear")
    )


@dataclass
class Di4CSettings:
    """Di4C and Di4C-d."""

    latents: int = knob(8, "M: number of members of the mixture for each image", within=span(2, 1024))
    delta: float = knob(0.0625, "length of the teacher's one step, as a share of the whole time", within=SHARE)
    alpha: float = knob(
        0.1,
        "weight of the data's correlations, which is multiplied by sigmoid(20 (1/2 - r)); Di4C-d only",
        within=NOT_NEGATIVE,
    )
    pairs: int = knob(2000, "number of the track's pairs to learn from", within=COUNT)
    drop: float = knob(
        0.1, "share of training examples without their condition, for student and teacher alike", within=FRACTION
    )
