"""What the teacher refines: registry `drafts` (Table 3b).

`student` is FPD: the teacher repairs the student's own draft. `random` is the control: the teacher repairs uniform
random codes, so its target knows the prompt but not the draft.

`of_student` says that the codes are the student's, so that its mixture may stand in for them ("Soft Emb." in the
paper: the estimator's `soft_teacher`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fpd_bench.registry import drafts


@drafts.register("student")
@dataclass(frozen=True)
class StudentDraft:
    """The student's own sample (Eq. 4-5)."""

    of_student = True

    def __call__(self, codes: Tensor, n_codes: int, generator: torch.Generator) -> Tensor:
        """Choose what the teacher repairs: codes [B, L] of the student -> codes [B, L] that M_r damages."""
        return codes


@drafts.register("random")
@dataclass(frozen=True)
class RandomDraft:
    """Uniform random codes in place of the draft (our reading of Table 3b's "Random")."""

    of_student = False

    def __call__(self, codes: Tensor, n_codes: int, generator: torch.Generator) -> Tensor:
        """Draw random codes: codes [B, L] give the shape only -> uniform codes [B, L]."""
        return torch.randint(n_codes, codes.shape, generator=generator).to(codes.device)
