"""Any pipeline of diffusers: opened from the published layout, asked as the configuration says, always equal noise."""

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fpd_bench.assets import missing
from fpd_bench.assets.hub_pipelines import locate
from fpd_bench.bench import Item, Suite
from fpd_bench.config.availability import require_files
from fpd_bench.config.check import check
from fpd_bench.config.schema import ExecutionConfig, GeneratorConfig, RunConfig
from fpd_bench.errors import AssetError, ConfigError, UnknownName
from fpd_bench.generators.pipeline_layout import read_layout
from fpd_bench.generators.pipelines import DiffusersGenerator, open_pipeline
from fpd_bench.models.condition import Condition
from fpd_bench.models.streams import generator_of

PROMPTS = ("a red circle", "two blue squares", "a cat")
SUITE = Suite("test", tuple(Item(str(i), text, {}) for i, text in enumerate(PROMPTS)), Condition(PROMPTS, {}), None)


@pytest.fixture(autouse=True)
def forget():
    locate.cache_clear()


def config(folder, micro_batch=0, seed=0, steps=2, **settings):
    generator = GeneratorConfig(source=str(folder), steps=steps, **settings)
    return RunConfig(
        method="diffusers", seed=seed, generator=generator, execution=ExecutionConfig(micro_batch=micro_batch)
    )


def images(folder, begin=0, **settings):
    return np.stack(list(DiffusersGenerator(config(folder, **settings)).images(SUITE, 2, begin)))


def test_an_image_is_the_same_in_any_batch_and_after_a_restart(pipeline_folder):
    whole = images(pipeline_folder)
    assert (whole.shape, whole.dtype) == ((6, 16, 16, 3), np.uint8)
    assert len({image.tobytes() for image in whole}) == 6
    again = images(pipeline_folder, begin=2, micro_batch=1)
    assert np.abs(again.astype(int) - whole[2:]).max() <= 1  # rounding of sums in other batch sizes
    assert not np.array_equal(images(pipeline_folder, seed=1), whole)


@pytest.mark.parametrize(
    "settings", [{"guidance": 1.0}, {"scheduler": "LCMScheduler"}, {"size": 32}, {"dtype": "bfloat16"}]
)
def test_every_setting_reaches_the_pipeline(pipeline_folder, settings):
    plain, other = images(pipeline_folder), images(pipeline_folder, **settings)
    assert plain.shape != other.shape or not np.array_equal(plain, other)


def test_timesteps_of_a_few_step_student(pipeline_folder):
    common = {"scheduler": "LCMScheduler", "guidance": 0.0}
    told = images(pipeline_folder, **common, timesteps=[799, 399])
    assert not np.array_equal(told, images(pipeline_folder, **common))


def test_another_unet_from_a_file_or_a_folder(pipeline_folder, tmp_path):
    weights = load_file(pipeline_folder / "unet/diffusion_pytorch_model.safetensors")
    save_file({name: -value for name, value in weights.items()}, tmp_path / "student.safetensors")
    plain, other = images(pipeline_folder), images(pipeline_folder, unet=str(tmp_path / "student.safetensors"))
    assert not np.array_equal(plain, other)
    shutil.copytree(pipeline_folder / "unet", tmp_path / "unet")
    shutil.copy(tmp_path / "student.safetensors", tmp_path / "unet/diffusion_pytorch_model.safetensors")
    assert np.array_equal(other, images(pipeline_folder, unet=str(tmp_path / "unet")))
    save_file({"weight": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(AssetError, match="cannot be opened as a pipeline"):
        images(pipeline_folder, unet=str(tmp_path / "foreign.safetensors"))


def test_a_one_step_student_as_sid_lsg_publishes_it(pipeline_folder, tmp_path):
    """Its pickled UNet, from t = 625 of the forward process: x0 = (z - sigma eps) / alpha with z = sigma noise."""
    pipeline = open_pipeline(GeneratorConfig(source=str(pipeline_folder)))
    student, sigma = pipeline.unet, float((1 - pipeline.scheduler.alphas_cumprod[625]).sqrt())
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(1.1)
    (tmp_path / "student.pkl").write_bytes(pickle.dumps({"ema": student}))
    settings = {"scheduler": "LCMScheduler", "timesteps": [625], "guidance": 1.0, "noise_scale": sigma}
    settings |= {"unet": str(tmp_path / "student.pkl")}
    generator = DiffusersGenerator(config(pipeline_folder, **settings, steps=1))
    found = np.stack(list(generator.images(SUITE, 1)))
    noise = torch.cat([torch.randn(1, 4, 8, 8, generator=generator_of(0, "test", str(i), 0)) for i in range(3)])
    tokens = pipeline.tokenizer(list(PROMPTS), padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        guess = student(sigma * noise, 625, encoder_hidden_states=pipeline.text_encoder(tokens)[0]).sample
        start = (sigma * noise - sigma * guess) / (1 - sigma**2) ** 0.5
        wanted = pipeline.vae.decode(start / pipeline.vae.config.scaling_factor).sample / 2 + 0.5
    wanted = wanted.clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255
    assert np.abs(found - wanted).max() <= 1


def test_a_noise_scale_that_cannot_be_set_is_refused(pipeline_folder):
    with pytest.raises(ConfigError, match="EulerDiscreteScheduler computes its own scale"):
        images(pipeline_folder, scheduler="EulerDiscreteScheduler", noise_scale=0.9)
    with pytest.raises(ConfigError, match="noise_scale.* got -1"):
        check(config(pipeline_folder, noise_scale=-1.0))


def test_a_lora_is_added_to_the_pipelines_weights(pipeline_folder, tmp_path):
    name = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    noise = torch.Generator().manual_seed(0)
    low_rank = {f"{name}.lora_A.weight": torch.randn(2, 16, generator=noise)}
    low_rank |= {f"{name}.lora_B.weight": torch.randn(16, 2, generator=noise)}
    save_file(low_rank, tmp_path / "lora.safetensors")
    torch.save(low_rank, tmp_path / "lora.pt")
    plain, other = images(pipeline_folder), images(pipeline_folder, lora=str(tmp_path / "lora.safetensors"))
    assert not np.array_equal(plain, other)
    assert np.array_equal(other, images(pipeline_folder, lora=str(tmp_path / "lora.pt")))


def test_names_are_found_in_the_weights_folder(pipeline_folder, monkeypatch):
    monkeypatch.setenv("FPD_WEIGHTS", str(pipeline_folder.parent))
    assert locate("someone/tiny-sd") == str(pipeline_folder)
    generator = DiffusersGenerator(config("someone/tiny-sd"))
    assert generator.assets["diffusers/pipeline"] == "StableDiffusionPipeline"


def ready(config):
    """What is told of a run before it begins."""
    check(config)
    require_files(config)


def test_what_is_missing_is_said_before_any_work(pipeline_folder, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="method=diffusers needs a pipeline: a hub name or a folder"):
        ready(RunConfig(method="diffusers"))
    with pytest.raises(ConfigError, match="neither a folder nor a hub name like stabilityai/sdxl-turbo"):
        ready(config("sdxl turbo"))
    with pytest.raises(AssetError, match="holds no pipeline: it has no model_index.json"):
        ready(config(tmp_path))
    with pytest.raises(UnknownName, match="Unknown scheduler 'LCMSchedule' in generator.scheduler. Did you mean 'LCMS"):
        images(pipeline_folder, scheduler="LCMSchedule")
    with pytest.raises(ConfigError, match="generator.timesteps=.*has 1 steps, so generator.steps must be 1; got 2"):
        ready(config(pipeline_folder, timesteps=[399]))
    with pytest.raises(UnknownName, match="Unknown generator.dtype 'half'. Available: bfloat16, float16, float32"):
        ready(config(pipeline_folder, dtype="half"))
    monkeypatch.setattr(missing, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'fpd-bench\[diffusers\]'"):
        ready(config(pipeline_folder))
    check(config("someone/anything"))  # a report asks for nothing


def test_images_at_once_have_nothing_to_do_with_the_batch_of_a_training(pipeline_folder):
    check(config(pipeline_folder, micro_batch=128))
    with pytest.raises(ConfigError, match="execution.micro_batch=128 must not exceed optim.batch=64"):
        check(RunConfig(execution=ExecutionConfig(micro_batch=128)))


def test_a_hub_out_of_reach_is_one_line_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("FPD_WEIGHTS", str(tmp_path))
    with pytest.raises(AssetError, match=f"hf download stabilityai/sdxl-turbo --local-dir {tmp_path}/sdxl-turbo"):
        ready(config("stabilityai/sdxl-turbo"))


def test_a_broken_pipeline_is_named(pipeline_folder, tmp_path):
    shutil.copytree(pipeline_folder, tmp_path / "sd")
    (tmp_path / "sd/unet/diffusion_pytorch_model.safetensors").write_bytes(b"torn")
    with pytest.raises(AssetError, match="sd' cannot be opened as a pipeline"):
        images(tmp_path / "sd")
    black = replace(config(pipeline_folder), generator=GeneratorConfig(source=str(pipeline_folder), size=33))
    with pytest.raises((ConfigError, ValueError), match="divisible by"):
        list(DiffusersGenerator(black).images(SUITE, 1))


class RunsCode:
    def __reduce__(self):
        return print, ("code of a file of weights has run",)


DAMAGED = {
    "a torn safetensors": ("x.safetensors", lambda whole: whole[: len(whole) // 2]),
    "no safetensors": ("x.safetensors", lambda whole: b"words"),
    "nothing": ("x.safetensors", lambda whole: b""),
    "a torn pickle": ("x.bin", lambda whole: b"PK\3\4" + whole[:100]),
    "a pickle with code": ("x.bin", lambda whole: pickle.dumps(RunsCode())),
    "a torn module": ("x.pkl", lambda whole: pickle.dumps({"ema": 1})[:5]),
}


@pytest.mark.parametrize("how", DAMAGED)
@pytest.mark.parametrize("field", ["unet", "lora"])
def test_damaged_weights_are_told_in_one_line_and_run_nothing(pipeline_folder, tmp_path, how, field, capsys):
    name, damage = DAMAGED[how]
    whole = (pipeline_folder / "unet/diffusion_pytorch_model.safetensors").read_bytes()
    (tmp_path / name).write_bytes(damage(whole))
    with pytest.raises(AssetError) as caught:
        open_pipeline(GeneratorConfig(source=str(pipeline_folder), **{field: str(tmp_path / name)}))
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)
    assert "has run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "index", ["[1]", "{", '{"unet": ["diffusers"]}', '{"unet": [1, 2]}', '{"unet": [["a"], "b"]}', "[" * 100_000]
)
def test_a_damaged_index_is_told_in_one_line(tmp_path, index):
    (tmp_path / "model_index.json").write_text(index)
    with pytest.raises(AssetError) as caught:
        read_layout(tmp_path)
    assert "model_index.json" in str(caught.value) and "\n" not in str(caught.value)
