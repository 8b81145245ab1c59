"""Named choices: every axis of a sweep is a Registry, and every plugin stands in one list here or in an entry point.

A declaration (declarations.py) says what must be known of a plugin before its code is imported: its version, and which
fields of the configuration it reads, so that runs are checked and named without torch. plugin_loading.py imports the
code of the one that is used.
"""

from typing import Any

from fpd_bench.declarations import Declaration, GeneratorDeclaration, MethodDeclaration, TrackDeclaration
from fpd_bench.plugin_loading import Registry

TEACHER = "teacher"  # the method that trains nothing: what every track's teacher draws by itself

# What every run reads, and every run that trains a student.
_TRAINED = ("start.*", "optim.*", "evaluation.weights", "evaluation.student_*")
_PEERS = "fpd_bench.config.peer_settings"
_DRIFT = (
    "drift.space", "drift.bandwidths", "drift.positives", "drift.negatives", "drift.normalise", "drift.floor",
    "drift.repulsion", "drift.shifts", "drift.scale", "drift.equalise", "drift.layer_weights", "drift.layers",
    "drift.norm", "drift.guards", "drift.combine", "drift.memory",
)  # fmt: skip
_BACKBONE = ("drift.backbone", "drift.blocks", "drift.grid", "drift.resize", "drift.last_norm", "drift.cls")

estimators: Registry[Any] = Registry(
    "estimator",
    {
        "ste": Declaration(
            "fpd_bench.distill.estimators",
            "straight-through: the drafted code's exact embedding forward, the gradient of the expected one backward",
            version=2,
            reads=(),
        ),
        "soft": Declaration(
            "fpd_bench.distill.estimators",
            "the expected embedding, forward and backward: no sample, off the codebook",
            reads=(),
        ),
    },
)
drafts: Registry[Any] = Registry(
    "draft",
    {
        "student": Declaration(
            "fpd_bench.distill.drafts", "the student's own one-step sample, as in the paper", reads=()
        ),
        "random": Declaration(
            "fpd_bench.distill.drafts",
            "uniform random codes: the repair knows the prompt but not the draft",
            reads=(),
        ),
    },
)
spaces: Registry[Any] = Registry(
    "space",
    {
        "feature": Declaration(
            "fpd_bench.distill.spaces", "stages of a frozen backbone, on a grid of patches", reads=_BACKBONE
        ),
        "pixel": Declaration(
            "fpd_bench.distill.spaces", "raw pixels, cut into a grid of patches", reads=("drift.grid",)
        ),
    },
)
methods: Registry[Any] = Registry(
    "method",
    {
        "fpd": MethodDeclaration(
            "fpd_bench.distill.fpd",
            "Fixed-Point Distillation: pull drafts towards their repairs, push them from each other",
            version=2,
            reads=(*_TRAINED, "estimator", "draft", "refine.*", *_DRIFT, "gan.*"),
            data_parallel=True,
        ),
        "dimo": MethodDeclaration(
            "fpd_bench.distill.peers.dimo",
            "Di[M]O (Zhu et al. 2025): an auxiliary model of the student gives token-level gradients",
            version=2,
            reads=(*_TRAINED, "refine.*", "dimo.*"),
            auxiliary=True,
            data_parallel=True,
        ),
        "d_mmd": MethodDeclaration(
            "fpd_bench.distill.peers.d_mmd",
            "D-MMD (Hoogeboom et al. 2026): moment matching against an auxiliary model that the teacher holds; with "
            "plugin.d_mmd.idlm=true, IDLM",
            reads=(*_TRAINED, "refine.guidance"),
            auxiliary=True,
            data_parallel=True,
            settings=f"{_PEERS}:DmmdSettings",
        ),
        "redi": MethodDeclaration(
            "fpd_bench.distill.peers.redi",
            "ReDi (Yoo et al. 2025): rectified couplings of start and sample, learnt by cross-entropy, in stages",
            reads=_TRAINED,
            data_parallel=True,
            settings=f"{_PEERS}:RediSettings",
        ),
        "soft_dimo": MethodDeclaration(
            "fpd_bench.distill.peers.soft_dimo",
            "Soft-Di[M]O (Zhu et al. 2025): Di[M]O and a discriminator of soft embeddings, on the teacher's features",
            reads=(*_TRAINED, "refine.*", "dimo.*"),
            auxiliary=True,
            data_parallel=True,
            settings=f"{_PEERS}:SoftDimoSettings",
        ),
        "sdtt": MethodDeclaration(
            "fpd_bench.distill.peers.sdtt",
            "SDTT (Deschenaux and Gulcehre 2024): each round, the student learns two steps of the last round's student",
            reads=(*_TRAINED, "refine.guidance"),
            data_parallel=True,
            settings=f"{_PEERS}:SdttSettings",
        ),
        "di4c": MethodDeclaration(
            "fpd_bench.distill.peers.di4c",
            "Di4C (Hayakawa et al. 2024): a mixture over a latent learns the correlations of tokens, by consistency",
            reads=_TRAINED,
            data_parallel=True,
            settings=f"{_PEERS}:Di4CSettings",
        ),
        "di4c-d": MethodDeclaration(
            "fpd_bench.distill.peers.di4c",
            "Di4C-d: Di4C that also learns the correlations of data",
            reads=_TRAINED,
            data_parallel=True,
            settings=f"{_PEERS}:Di4CSettings",
        ),
        "fixed_point_ce": MethodDeclaration(
            "fpd_bench.distill.fixed_point_ce",
            "cross-entropy to the draft's own repair: the yardstick of what teacher, repair and z_init allow",
            reads=(*_TRAINED, "refine.*"),
            data_parallel=True,
        ),
        # The teacher's own sampler, which the stages call directly: it has no code of its own.
        TEACHER: MethodDeclaration(
            says="trains nothing: the teacher's own sampler, as a yardstick",
            reads=("evaluation.teacher_*",),
            trains=False,
        ),
    },
    MethodDeclaration,
)
generators: Registry[Any] = Registry(
    "generator",
    {
        "folder": GeneratorDeclaration(
            "fpd_bench.generators.image_folder",
            "images made elsewhere: GenEval's folders, or a flat folder in the suite's order",
            reads=("generator.source",),
            draws=False,
        ),
        "diffusers": GeneratorDeclaration(
            "fpd_bench.generators.pipelines", "any text-to-image pipeline of diffusers, by hub name or local path"
        ),
    },
    GeneratorDeclaration,
)
tracks: Registry[Any] = Registry(
    "track",
    {
        "shapes": "fpd_bench.tracks.shapes.declaration:SHAPES",
        "digits": "fpd_bench.tracks.digits.declaration:DIGITS",
        "maskgen": "fpd_bench.tracks.maskgen.declaration:MASKGEN",
        "maskgit": "fpd_bench.tracks.maskgit.declaration:MASKGIT",
    },
    TrackDeclaration,
)
AXES: dict[str, Registry[Any]] = {  # the fields whose values are plugins
    "track.name": tracks,
    "method": methods,
    "estimator": estimators,
    "draft": drafts,
    "drift.space": spaces,
}
