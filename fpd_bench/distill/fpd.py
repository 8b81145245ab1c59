"""Fixed-Point Distillation, the objective in the paper's order (Fig. 2; Eq. 4-8). Registry entry `fpd`.

draft all tokens at once -> damage -> one teacher repair -> decode both -> lift both into a frozen feature space ->
pull the draft's features to the repaired ones, back through decoder, estimator and student.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fpd_bench.bench import Condition, Track
from fpd_bench.config.fields import own_settings
from fpd_bench.config.schema import RunConfig
from fpd_bench.distill import parallel
from fpd_bench.distill.adversary import Adversary
from fpd_bench.distill.drafting import Start, draft_codes, draft_logits, draw_noise, draw_start
from fpd_bench.distill.drift import DriftField, drift_field
from fpd_bench.distill.method import Clock, draft_statistics, drafts_differ, micro_batches
from fpd_bench.distill.refinement import refine
from fpd_bench.distill.remembered_drafts import RememberedDrafts
from fpd_bench.distill.running_means import RunningMeans
from fpd_bench.distill.work import Networks, Work, draft_calls, repair_sampling, teacher_calls
from fpd_bench.errors import ConfigError
from fpd_bench.models.streams import Streams, seed_of
from fpd_bench.registry import drafts, estimators, methods, spaces


@dataclass(frozen=True)
class Draft:
    """One forward of the student: logits [B, L, K], codes [B, L], images [B, 3, H, W], features {layer: [B, F, D]}."""

    logits: Tensor
    codes: Tensor
    images: Tensor
    features: dict[str, Tensor]


def _plugin_arguments(config: RunConfig, name: str) -> list[Any]:
    """Return the arguments that a plugin is made with: its own settings, if it has any."""
    own = own_settings(config, name)
    return [] if own is None else [own]


@methods.register("fpd")
class FixedPointDistillation:
    """Draft, repair, drift. Teacher, decoder and feature space never change; the discriminator is optional."""

    def __init__(self, config: RunConfig, track: Track, streams: Streams):
        self.config, self.track, self.streams = config, track, streams
        self.estimator = estimators.get(config.estimator)(*_plugin_arguments(config, config.estimator))
        self.source = drafts.get(config.draft)(*_plugin_arguments(config, config.draft))
        self.space = spaces.get(config.drift.space).build(
            config.drift, track, *_plugin_arguments(config, config.drift.space)
        )
        self.running: dict[str, RunningMeans] = {}  # per layer; used by drift.scale and drift.equalise = running
        self.memory: dict[str, RememberedDrafts] = {}  # per layer; empty unless drift.memory
        self.adversary = None
        if config.gan.weight > 0:
            self.adversary = Adversary(
                track.backbone, config.gan, config.optim.steps, seed_of("adversary", config.seed)
            )

    def backward(self, student: nn.Module, condition: Condition, progress: float) -> dict[str, float]:
        """Take one FPD step; see Method. A micro_batch below the batch drafts twice: the same maths in less memory."""
        clock, batch, total = Clock(), len(condition), len(condition) * parallel.ranks()
        chunks = micro_batches(batch, self.config.execution.micro_batch)
        device = self.track.tokenizer.codebook.device
        start = parallel.own_rows(draw_start(total, self.track, self.config.start, self.streams["start"])).to(device)
        # Noise per token, not per call: micro-batches must draw the codes that the whole batch would.
        noise = parallel.own_rows(draw_noise(total, self.track, self.config.start, self.streams["draft"])).to(device)
        with clock("draft"), torch.set_grad_enabled(len(chunks) == 1):
            drafts = [self._draft(student, start[rows], condition[rows], noise[rows]) for rows in chunks]
        codes, logits = torch.cat([p.codes for p in drafts]), torch.cat([p.logits.detach() for p in drafts])
        with clock("refine"):
            # A mixture stands in for the student's own codes; where the draft has others, the teacher sees those.
            soft = logits.softmax(-1) if self.estimator.soft_teacher and self.source.of_student else None
            damaged = parallel.own_rows(self.source(parallel.gather(codes), self.track.n_codes, self.streams["draft"]))
            repaired = refine(self.track, damaged, condition, self.config.refine, self.streams["refine"], soft)
        with clock("target"), torch.inference_mode():
            images = self.track.tokenizer.decode(self.track.tokenizer.codebook[repaired.codes], condition)
            targets = self.space(images)
        with clock("drift"):
            # Every draft drifts among those of all ranks. The field needs no graph, so neither does the gather.
            features = {layer: torch.cat([p.features[layer].detach() for p in drafts]) for layer in targets}
            fields = self._fields(*({k: parallel.gather(v) for k, v in part.items()} for part in (features, targets)))
            pulls = {layer: parallel.own_rows(field.gradient) for layer, field in fields.items()}
        drawn = torch.cat([p.images.detach() for p in drafts])
        stats = self._adversarial_step(drawn, clock)
        with clock("backward"):
            towards_real = self._adversarial_pull(drawn, total)
            for rows, part in zip(chunks, drafts, strict=True):
                if len(chunks) > 1:
                    part = self._draft(student, start[rows], condition[rows], noise[rows], part.codes)
                self._pull(part, pulls, towards_real, rows).backward()
        stats |= draft_statistics(logits, codes, repaired.codes, repaired.hidden) | clock.seconds
        stats |= drafts_differ(self.track, codes, self.config.optim)
        stats["loss"] = sum(float(field.value) for field in fields.values())
        return stats | {f"{layer}/{k}": v for layer, field in fields.items() for k, v in field.stats.items()}

    @staticmethod
    def cost(config: RunConfig, networks: Networks) -> Work:
        """Count draft (twice with micro-batches), repair, decoding and lifting of both, and the discriminator."""
        drafts, student, decoder, backbone = draft_calls(config), networks.student, networks.decoder, networks.backbone
        judged = 2 * (networks.judge.forward + networks.judge.backward)  # real and drafted
        flops = {
            "student": drafts * student.forward + student.backward,
            "teacher": teacher_calls(config) * student.forward,
            "decoder": (drafts + 1) * decoder.forward + decoder.backward,
            "backbone": (drafts + 1) * backbone.forward + backbone.backward,
            "discriminator": config.gan.updates * judged + networks.critic.forward + networks.critic.backward,
        }
        return Work(
            flops,
            networks.numbers(config.start.sampling) + networks.numbers(repair_sampling(config)),
            max(student.alive, decoder.alive, backbone.alive, 2 * networks.judge.kept, networks.critic.kept),
            student.kept + decoder.kept + backbone.kept,
        )

    def after_step(self, student: nn.Module, condition: Condition) -> dict[str, float]:
        """Do nothing: FPD has no auxiliary network, and `backward` trains the discriminator, on the same drafts."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"adversary": self.adversary.state_dict()} if self.adversary else {}
        means = {layer: running.state_dict() for layer, running in self.running.items() if running.means}
        remembered = {layer: memory.features for layer, memory in self.memory.items()}
        return state | ({"running": means} if means else {}) | ({"memory": remembered} if remembered else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.adversary:
            self.adversary.load_state_dict(state["adversary"])
        for layer, means in state.get("running", {}).items():
            self.running[layer] = RunningMeans()
            self.running[layer].load_state_dict(means)
        for layer, features in state.get("memory", {}).items():
            self.memory[layer] = RememberedDrafts(self.config.drift.memory)
            self.memory[layer].push(features)

    def _draft(
        self, student: nn.Module, start: Start, condition: Condition, noise: Tensor, codes: Tensor | None = None
    ) -> Draft:
        """Draft, decode and lift (Eq. 4 and 8); noise draws the codes, `codes` replays an earlier sample."""
        logits = draft_logits(student, start, condition, self.config.start)
        if codes is None:
            codes = draft_codes(logits.detach(), noise, self.config.start)
        embeddings = self.estimator(logits, codes, self.track.tokenizer.codebook)
        images = self.track.tokenizer.decode(embeddings, condition)
        return Draft(logits, codes, images, self.space(images))

    def _fields(self, features: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, DriftField]:
        """Compute Eq. 6-7 for every layer [B, F, D], within each prompt, times the layer's weight in the sum."""
        drift = self.config.drift
        weights = drift.layer_weights or [1.0] * len(targets)
        if len(weights) != len(targets):
            raise ConfigError(f"drift.layer_weights={weights} must hold one weight for each of {', '.join(targets)}.")
        if drift.layers == "mean":
            weights = [weight / sum(weights) for weight in weights]
        fields = {}
        for (layer, refined), weight in zip(targets.items(), weights, strict=True):
            field = self._field(layer, features[layer], refined)
            fields[layer] = DriftField(field.gradient * weight, field.value * weight, field.stats)
        return fields

    def _field(self, layer: str, student: Tensor, refined: Tensor) -> DriftField:
        drift, per_prompt = self.config.drift, self.config.optim.samples_per_condition
        memory = self.memory.setdefault(layer, RememberedDrafts(drift.memory)) if drift.memory else None
        field = drift_field(
            student.detach(),
            refined,
            drift,
            groups=len(student) // per_prompt if per_prompt > 1 else 1,
            memory=memory.features if memory else None,
            running=self.running.setdefault(layer, RunningMeans()),
        )
        if memory:
            memory.push(student)
        return field

    def _pull(self, part: Draft, pulls: dict[str, Tensor], towards_real: Tensor | None, rows: slice) -> Tensor:
        """Return a scalar whose gradient is that of L_drift + lambda L_gan for these rows of this rank."""
        terms = [(part.features[layer] * pull[rows]).sum() for layer, pull in pulls.items()]
        if towards_real is not None:
            terms.append((part.images * towards_real[rows]).sum())
        return torch.stack(terms).sum()

    def _adversarial_pull(self, images: Tensor, total: int) -> Tensor | None:
        """Compute d lambda L_gan / d images [b, 3, H, W] of this rank, None without L_gan.

        Of all its images together, whatever the micro-batches: the heads' batch norms look at the batch.
        """
        if not self.adversary:
            return None
        views = parallel.own_rows(self.adversary.draw(total, images))
        return self.adversary.pull(images, views) * (self.config.gan.weight * len(images) / total)

    def _adversarial_step(self, fake: Tensor, clock: Clock) -> dict[str, float]:
        if not self.adversary:
            return {}
        with clock("discriminator"):
            for _ in range(self.config.gan.updates):
                stats = self.adversary.discriminator_step(self._real_images(len(fake)), fake)
        return stats

    def _real_images(self, n: int) -> Tensor:
        """Return this rank's n of the real images that one process would draw."""
        total = n * parallel.ranks()
        return parallel.own_rows(self.track.real_images(total, self.streams["adversary"]))
