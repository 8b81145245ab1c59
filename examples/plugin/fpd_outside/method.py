import torch
import torch.nn.functional as F

from fpd_bench.config.fields import own_settings
from fpd_bench.distill.drafting import draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.distill.refinement import refine
from fpd_bench.distill.work import Work
from fpd_bench.registry import methods


@methods.register("imitate")
class Imitate:
    """Cross-entropy of the draft's logits to the teacher's repair of the same draft."""

    def __init__(self, config, track, streams):
        self.config, self.track, self.streams = config, track, streams
        self.settings = own_settings(config, "imitate")

    def backward(self, student, condition, progress):
        start = draw_start(len(condition), self.track, self.config.start, self.streams["start"])
        noise = draw_noise(len(condition), self.track, self.config.start, self.streams["draft"])
        logits = draft_logits(student, start, condition, self.config.start)
        with torch.no_grad():
            codes = draft_codes(logits, noise, self.config.start)
            repaired = refine(self.track, codes, condition, self.config.refine, self.streams["refine"])
        if self.settings.target == "soft":
            loss = -(repaired.logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
        else:
            loss = F.cross_entropy(logits.flatten(0, 1), repaired.codes.flatten())
        (self.settings.weight * loss).backward()
        return {"loss": float(loss.detach()), "seconds/step_of_it": 0.0}

    def after_step(self, student, condition):
        return {}

    @staticmethod
    def cost(config, networks):
        forward = networks.student.forward
        flops = {"student": forward + networks.student.backward, "teacher": forward}
        return Work(flops, networks.numbers("categorical"), networks.student.alive, networks.student.kept)

    def state_dict(self):
        return {}

    def load_state_dict(self, state): ...
