"""Colours by CLIP, as GenEval asks for them: open_clip ViT-L-14 with OpenAI weights through clip_benchmark.

OpenAI trained with QuickGELU. Newer open_clip builds plain GELU and at most warns, which is silently another and
worse classifier; here QuickGELU is forced and checked. GenEval's code comes down to half precision (amp): it runs on
CUDA only, and leaves clip_benchmark's default, which is on. So it is here on a GPU; on a CPU it is off. Recorded.
"""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import open_clip
import torch
from clip_benchmark.metrics import zeroshot_classification as zeroshot
from numpy.typing import NDArray
from open_clip.transformer import QuickGELU
from PIL import Image as Pillow

from fpd_bench.errors import AssetError, ConfigError
from fpd_bench.evals.geneval.colours import GREY, object_crop
from fpd_bench.evals.geneval.detectors import Image
from fpd_bench.evals.geneval.prompt_grammar import COLOURS
from fpd_bench.evals.geneval.scoring import Box, ColourClassifier, Detection
from fpd_bench.evals.geneval.weights import weights_sha256

zeroshot.tqdm = lambda items, **_: items  # a bar per crop would drown everything else


def templates(name: str) -> list[str]:
    """List what is said of an object of class `name`; {c} stands for the colour."""
    return [f"a photo of a {{c}} {name}", f"a photo of a {{c}}-colored {name}", "a photo of a {c} object"]


class ClipColours:
    """The ten-colour zero-shot classifier.

    weights: "openai" (downloaded) or a file. amp: half precision where device is a GPU. background, crop: see
    object_crop. Raises AssetError without weights.
    """

    def __init__(
        self,
        model: str = "ViT-L-14-quickgelu",
        weights: str | None = "openai",
        *,
        device: str = "cpu",
        amp: bool = True,
        batch: int = 16,
        background: str = GREY,
        crop: bool = True,
    ):
        self._network, self._transform = _load(model, weights, device)
        self._tokenizer = open_clip.get_tokenizer(model)
        self._device, self._amp, self._batch = device, amp and device.startswith("cuda"), batch
        self._background, self._crop = background, crop
        self._classifiers: dict[str, torch.Tensor] = {}
        self.identity = {
            "colours": "clip",
            "model": model,
            "weights_sha256": weights_sha256(self._network),
            "open_clip": open_clip.__version__,
            "amp": str(self._amp),
            "background": background,
            "crop": str(crop),
        }

    def for_image(self, image: Image) -> ColourClassifier:
        """Make the classifier of one image's detections."""
        picture = Pillow.fromarray(image)

        def classify(detections: Sequence[Detection], name: str) -> list[str]:
            return self.name_colours([self._cut(picture, box, mask) for box, mask in detections], name)

        return classify

    def _cut(self, picture: Pillow.Image, box: Box, mask: NDArray[np.bool_] | None) -> Pillow.Image:
        return object_crop(picture, box, mask, background=self._background, crop=self._crop)

    def name_colours(self, crops: Sequence[Pillow.Image], name: str) -> list[str]:
        """Name the most likely colour of each crop of a `name`."""
        if not crops:
            return []
        pixels = torch.stack([self._transform(crop) for crop in crops])
        batches = [(part, torch.zeros(len(part))) for part in pixels.split(self._batch)]
        logits, _ = zeroshot.run_classification(
            self._network, self._classifier(name), batches, self._device, amp=self._amp
        )
        return [COLOURS[i] for i in logits.argmax(dim=1).tolist()]

    def _classifier(self, name: str) -> torch.Tensor:
        """Give the text weights [D, 10] of a class, made once."""
        if name not in self._classifiers:
            self._classifiers[name] = zeroshot.zero_shot_classifier(
                self._network, self._tokenizer, list(COLOURS), templates(name), self._device, amp=self._amp
            )
        return self._classifiers[name]


def _load(model: str, weights: str | None, device: str) -> tuple[torch.nn.Module, Any]:
    try:
        network, _, transform = open_clip.create_model_and_transforms(
            model, pretrained=weights, device=device, force_quick_gelu=True
        )
    except Exception as error:  # open_clip, safetensors and pickle raise many kinds over damaged files
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # torch's own words advise to run the file's code
            said = "the file is damaged, or would run code."
        raise AssetError(
            f"Cannot load CLIP {model} with weights '{weights}': {said} On a machine without internet access "
            "pass --clip-weights FILE (OpenAI's ViT-L-14)."
        ) from error
    layer_types = {type(part) for part in network.modules()}
    if QuickGELU not in layer_types or torch.nn.GELU in layer_types:
        raise ConfigError(f"CLIP {model} was not built with QuickGELU alone; use ViT-L-14-quickgelu.")
    return network.eval(), transform
