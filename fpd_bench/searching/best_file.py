"""best.yaml: the winner and the baseline as a sweep of their own, ready for `python -m fpd_bench.sweep`."""

from typing import Any

import yaml

from fpd_bench.config.fields import leaves, value
from fpd_bench.config.identity import reads
from fpd_bench.config.schema import RunConfig
from fpd_bench.config.searches.search_spec import Search
from fpd_bench.searching.history import Trial, as_text

HEAD = """\
# Found by a search: {title}, {trial}.
# Its numbers on the search's own prompts and seeds are optimistic; see the study's page for the confirmed ones.
"""


def best_yaml(search: Search, best: Trial) -> str:
    """Give the file's text. Its runs at the confirmation's seeds are those of the confirmation."""
    winner, base = search.config(best.params, search.seeds[0]), RunConfig()
    fixed = _overrides(search.base, _differing(search.base, base))
    names = list(dict.fromkeys([*_differing(winner, search.base), *_differing(search.baseline, search.base)]))
    pair = [_overrides(winner, names), _overrides(search.baseline, names)]
    same = pair[0] == pair[1]
    rows: list[dict[str, Any]] = [{"id": "best", "label": "Best of the search", "where": dict(best.params)}]
    table: dict[str, Any] = {
        "id": "a",
        "caption": "The search's winner",
        "grid": [pair[0]] if same else pair,
        "rows": rows,
    }
    file = search.file
    document = {
        "name": f"{file.name}_best",
        "title": f"Best of: {file.title}",
        "metric": file.metric,
        "seeds": list(file.confirm or search.seeds),
        "profiles": {search.profile: fixed},
        "tables": [table],
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return HEAD.format(title=file.title, trial=best.label) + text


def _differing(config: RunConfig, other: RunConfig) -> list[str]:
    """Give the fields in which two configurations differ; prompts and seeds are the sweep's own."""
    plugins = [name for name in sorted(reads(config)) if name.startswith("plugin.")]
    names = [name for name in [*leaves(), *plugins] if name not in ("seed", "evaluation.split")]
    return [name for name in names if value(config, name) != value(other, name)]


def _overrides(config: RunConfig, names: list[str]) -> list[str]:
    return [f"{name}={_written(value(config, name))}" for name in names]


def _written(found: Any) -> str:
    """Give a value that reads back as the same one."""
    if isinstance(found, list):
        return "[" + ",".join(map(_written, found)) + "]"
    if isinstance(found, float):
        return repr(found)
    return f"'{found}'" if found == "" else as_text(found)
