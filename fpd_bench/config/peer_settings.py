"""Settings of the peers (fpd_bench/distill/peers), as fields `plugin.NAME.FIELD`. Defaults are for the embedded tracks.

docs/methods.md says of each which value is published and which is ours.
"""

from dataclasses import dataclass

from fpd_bench.config.knobs import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, knob


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
