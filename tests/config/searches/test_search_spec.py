"""The grammar of a search space, and every bad space told in one line before anything starts."""

import pytest

from fpd_bench.config.searches.search_axes import Choice, Interval, Steps, Subset
from fpd_bench.config.searches.search_spec import load_search
from fpd_bench.config.sweeps.spec import load_sweep
from fpd_bench.errors import ConfigError

FILE = """\
name: one
seeds: [100, 101]
profiles:
  embedded: [track.name=shapes, optim.steps=300]
  other: [track.name=shapes, optim.steps=100]
space:
  gan.weight: tag(log, interval(0.001, 1))
  drift.bandwidths: "subset(0.5, 0.1, 2; min=1, max=2)"
  gan.updates: {axis: "range(1, 4)", if: gan.weight > 0.1}
  estimator: choice(ste, soft)
trials: 10
confirm: {seeds: [3, 4]}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(FILE)
    return path


def test_a_space_is_what_is_written(file):
    search = load_search(file)
    axes = {one.field: one.axis for one in search.space}
    assert axes == {
        "gan.weight": Interval(0.001, 1.0, log=True),
        "drift.bandwidths": Subset((0.1, 0.5, 2.0), 1, 2),
        "gan.updates": Steps(1, 3, 1),
        "estimator": Choice(("ste", "soft")),
    }
    assert str(search.space[2].condition) == "gan.weight > 0.1"
    assert search.base.evaluation.split == "validation" and search.name == "one@embedded"
    assert load_search(file, ["profile=other"]).base.optim.steps == 100


def test_the_command_line_replaces_adds_and_takes_out(file):
    words = ["gan.weight=0.2", "optim.lr=tag(log,interval(1e-5,1e-3))", "estimator=choice(soft,ste)", "search.trials=3"]
    search = load_search(file, [*words, "search.parallel=4", "search.sampler=gp", "seeds=[7,8,9]"])
    assert [one.field for one in search.space] == ["drift.bandwidths", "gan.updates", "estimator", "optim.lr"]
    assert search.base.gan.weight == 0.2
    assert (search.trials, search.parallel, search.sampler, search.seeds) == (3, 4, "gp", (7, 8, 9))


def test_a_number_from_an_interval_has_few_digits_and_stays_inside():
    axis = Interval(0.12344, 1.0)
    assert axis.rounded(0.654321) == 0.6543 and axis.rounded(0.123441) == 0.12344
    assert axis.holds(0.6543) and not axis.holds(1.2) and not axis.holds(True)


BAD = {  # what is on the command line: a part of the one line
    "gan.weight=interval(1,0)": "low end 1 must be below its high end 0",
    "gan.weight=tag(log,interval(0,1))": "a logarithm needs a low end above 0",
    "gan.weight=tag(cos,interval(0,1))": "unknown tag 'cos'",
    "gan.weight=choice(0.1)": "choice() has one value, so there is nothing to search",
    "gan.weight=interval(-1,1)": "gan.weight must be 0 or more; got -1.0",
    "gan.wieght=interval(0,1)": "Unknown field 'gan.wieght' in the command line. Did you mean 'gan.weight'?",
    "drift.bandwidths=subset()": "the subset has no members",
    "drift.bandwidths=subset(0.1,0.2;min=3)": "min=3 and max=2 fit no set of the 2 members given",
    "drift.bandwidths=subset(0.1,0.2;min=0)": "drift.bandwidths must not be empty",
    "drift.bandwidths=subset(0.1;most=2)": "min=NUMBER and max=NUMBER after the semicolon; got 'most=2'",
    "drift.bandwidths=choice([1],[1,2])": "a sampler cannot choose among whole lists",
    "drift.blocks=subset(0,9)": "drift.blocks=9: drift.blocks=[9] are not blocks of track 'shapes'",
    "optim.steps=interval(10,20.5)": "optim.steps is a whole number; got ends 10 and 20.5",
    "optim.steps=range(10,11)": "the range has 1 values",
    "estimator=choice(ste,sofft)": "Unknown estimator 'sofft'. Did you mean 'soft'?",
    "estimator=interval(0,1)": "interval() is for numbers, and estimator is a word",
    "gan.weight=subset(0,1)": "subset() is for fields that are sets",
    "dimo.aux_lr=interval(0.1,1)": "no trial reads 'dimo.aux_lr'",
    "seed=range(0,3)": "'seed' cannot be searched",
    "track.preset=choice(plain,large)": "'track.preset' cannot be searched",
    "evaluation.images_per_prompt=range(1,3)": "cannot be searched",
    "gan.weight=0,1": "'gan.weight' has several values on the command line",
    "evaluation.split=test": "a search sets evaluation.split itself",
    "gan.updates=range(1,4,0)": "a range needs a step other than 0",
    "optim.steps=range(1,10000000000)": "the range has 9,999,999,999 values; 10,000 are the most",
    "optim.steps=interval(1,99999999999999999999)": "the ends must be between -1e+12 and 1e+12",
    "drift.bandwidths=subset(0.1,0.1)": "the subset names a member twice",
    "drift.bandwidths=subset(0.1,0.2;min=2)": "this subset has one set only, so there is nothing to search",
    "gan.updates=tag(log,choice(1,2))": "choice() takes no tags",
    "seeds=[100,3]": "seed 3 stands both in seeds and in confirm.seeds",
    "search.trials=0": "search.trials must be a whole number of 1 or more",
    "search.trails=3": "Unknown field 'search.trails'",
    "search.sampler=tpee": "Unknown sampler 'tpee' in the command line. Did you mean 'tpe'?",
}


@pytest.mark.parametrize("word", BAD)
def test_a_bad_space_is_one_line(file, word):
    with pytest.raises(ConfigError) as error:
        load_search(file, [word])
    assert BAD[word] in str(error.value) and "\n" not in str(error.value)


WRONG = {  # (old text, new text) of the file
    ("seeds: [3, 4]", "seeds: [3, 101]"): "seed 101 stands both in seeds and in confirm.seeds",
    ("trials: 10", "trials: 10\nrace: {keep: 1}"): "keep must be 2 or more",
    ("trials: 10", "trials: 10\nrace: {steps: [300]}"): "race.steps must be below optim.steps=300",
    ("trials: 10", "trials: 10\nrace: {steps: [200, 100]}"): "steps must be in increasing order",
    ("trials: 10", "trials: 10\ndiversity: 2"): "from 0 (whatever) to 1; got 2",
    ("trials: 10", "trials: 10\nlimits: {memory_gb: .nan}"): "must be a number above 0; got nan",
    ("trials: 10", "trials: 10\nlimits: {memory_gb: .inf}"): "must be a number above 0; got inf",
    ("trials: 10", "trials: 10\nbaseline: [evaluation.split=test]"): "a search sets evaluation.split itself",
    ("space:\n", "space:\n  embeded: {gan.weight: 1}\n"): "Unknown field or profile 'embeded'",
    ("trials: 10", "trials: 10\nlimits: {memory: 3}"): "Unknown cost 'memory'",
    ("trials: 10", "trials: 10\nobjectives: [run_s]"): "must differ and begin with the metric 'overall'",
    ("trials: 10", "trails: 10"): "lacks 'trials'",
    ("seeds: [100, 101]", "metric: fid\nseeds: [100]"): "has no metric 'fid'",
    ("if: gan.weight > 0.1", "if: gan.weight > ste"): "the condition compares it with 'ste'",
    ("if: gan.weight > 0.1", "if: gan.weight over 3"): "a condition is written like 'gan.weight > 0'",
    ("if: gan.weight > 0.1", "if: gan.weight > 2"): "no trial reads 'gan.updates' where gan.weight > 2",
    ("trials: 10", "trials: 10\nbaseline: [gan.weight=-1]"): "gan.weight must be 0 or more",
    ("trials: 10", "trials: 10\nfoo: 1"): "Unknown key 'foo'",
}


@pytest.mark.parametrize("change", WRONG, ids=lambda change: change[1][-30:])
def test_a_bad_file_is_one_line(file, change):
    file.write_text(FILE.replace(*change))
    with pytest.raises(ConfigError) as error:
        load_search(file)
    assert WRONG[change] in str(error.value) and "\n" not in str(error.value)


def test_a_search_is_no_sweep_and_says_what_it_is(file):
    with pytest.raises(ConfigError, match="is a search, not a sweep. Run: python -m fpd_bench.search"):
        load_sweep(file)


@pytest.mark.parametrize("profile", ["embedded", "paper"])
def test_the_shipped_search_is_one(profile):
    search = load_search("sweeps/search_lambda_bandwidths.yaml", [f"profile={profile}"])
    assert [one.field for one in search.space] == ["gan.weight", "drift.bandwidths"]
    assert search.trials >= 60 and len(search.file.confirm) >= 5 and not set(search.seeds) & set(search.file.confirm)
