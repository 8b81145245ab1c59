"""docs/adding.md says what the code asks of a plugin: its example works, and the protocols are told whole."""

import inspect
import re
from pathlib import Path

import pytest
import torch

from fpd_bench import metrics
from fpd_bench.config.spec import load_sweep
from fpd_bench.distill.method import Method
from fpd_bench.generators.base import Generator
from fpd_bench.registry import Registry

PAGE = (Path(__file__).parent.parent / "docs/adding.md").read_text()


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]


def block(language, title):
    return re.search(rf"```{language}\n(.*?)```", section(title), re.S)[1]


@pytest.mark.parametrize(("title", "protocol"), [("A method", Method), ("A generator", Generator)])
def test_a_protocol_is_told_with_the_arguments_that_it_has(title, protocol):
    members = {name: inspect.signature(member) for name, member in inspect.getmembers(protocol, inspect.isfunction)}
    calls = [
        f"`{name}({', '.join(one for one in signature.parameters if one != 'self')})`"
        for name, signature in members.items()
        if not name.startswith("_")
    ]
    told = [*calls, *(f"`{name}`" for name in protocol.__annotations__)]
    assert len(calls) >= 1 and [words for words in told if words not in section(title)] == []


def test_no_call_is_told_that_a_method_lacks():
    told = re.findall(r"^\| .*?`(\w+)\(", section("A method"), re.M)
    assert told and all(hasattr(Method, name) for name in told)


def test_the_example_of_an_estimator_keeps_its_contract():
    registry = Registry("estimator")
    exec(
        "from dataclasses import dataclass\nfrom torch import Tensor\n" + block("python", "An estimator"),
        {"estimators": registry},
    )
    logits = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    codes, codebook = torch.tensor([[0, 1, 2, 0]] * 2), torch.eye(3)
    estimator = registry.get("sharp_ste")()
    embeddings = estimator(logits, codes, codebook)
    torch.testing.assert_close(embeddings, codebook[codes])
    embeddings[..., 0].sum().backward()
    assert estimator.on_codebook and not estimator.soft_teacher and logits.grad.abs().sum(-1).min() > 0


def test_the_example_of_a_metric_is_one():
    metric = eval(block("python", "A metric"), vars(metrics))
    assert (metric.heading, metric.sign, metric.digits) == ("Sharp. ↑", 1, 1)
    assert metric.evaluations == metrics.get("fid").evaluations


def test_the_example_of_a_table_is_a_sweep(tmp_path):
    path = tmp_path / "estimators.yaml"
    path.write_text(block("yaml", "A table"))
    (table,) = load_sweep(path).tables
    assert [row.id for row in table.rows] == ["soft", "ste"] and len(table.cells) == 6
