"""Write the pages that are made from the code: rooms, plugins, fields, exceptions. A test holds them up to date.

python docs/make_pages.py
"""

import ast
import json
import tomllib
from pathlib import Path

from fpd_bench import metrics, registry
from fpd_bench.config.describe import describe_fields, describe_settings, field_groups
from fpd_bench.config.json_schema import sweep_schema

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Made by docs/make_pages.py from the code: change it there. -->\n"


def rooms() -> str:
    """What each room is for, from the first lines of its `__init__.py`, under the order of the layers."""
    lines = [NOTE, "# Rooms", ""]
    lines += ["Imports go down this list and never up or sideways; `make lint` checks it, without exceptions.", ""]
    lines += [f"{n + 1}. {', '.join(f'`{name}`' for name in layer)}" for n, layer in enumerate(_layers())]
    lines += ["", "Beside the layers:", "", *(f"- {name}" for name in _other_contracts()), ""]
    lines += ["`sweep` and those beside it are the front doors, a command each; they parse, call and print."]
    for init in sorted((ROOT / "fpd_bench").rglob("__init__.py")):
        text = ast.get_docstring(ast.parse(init.read_text()))
        if text and init.parent != ROOT / "fpd_bench":
            lines += ["", f"## {init.parent.relative_to(ROOT / 'fpd_bench')}", "", text.replace("\nDoor: ", "\nDoor: ")]
    lines += ["", "## Single files", ""]
    for path in sorted((ROOT / "fpd_bench").glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text()))
        if text and path.stem != "__init__":
            lines.append(f"- `{path.stem}`: {_first_sentence(text)}")
    return "\n".join(lines) + "\n"


def fields() -> str:
    """Every field of a configuration, with default, values and meaning."""
    lines = [NOTE, "# Fields", ""]
    lines += [
        "What a configuration is made of. Set a field in a sweep's profile or grid, or on the command line: "
        "`optim.steps=2000`. A field counts in a run's name only where the run reads it "
        "([decision 8](adr/0008-a-run-is-named-by-what-it-reads.md)). On a terminal: "
        "`python -m fpd_bench.sweep --fields drift`.",
    ]
    for group, about in field_groups().items():
        lines += ["", f"## {group or 'run'}", "", _first_paragraph(about), ""]
        lines += ["| field | default | values | meaning |", "|---|---|---|---|"]
        for one in describe_fields(group):
            says = one.says + (f" (read where {one.when})" if one.when else "")
            lines.append(f"| `{one.name}` | `{one.default}` | {_cell(one.holds)} | {_cell(says)} |")
    return "\n".join(lines) + "\n"


def plugins() -> str:
    """Every registered plugin of this tree: name, version, what it is, which fields it reads."""
    lines = [
        NOTE,
        "# Plugins",
        "",
        "What a run is made of, by registry. [Adding things](adding.md) says how to add one.",
        "",
    ]
    fields_of = {names.kind: field for field, names in registry.AXES.items()} | {"generator": "method"}
    for names in (*registry.AXES.values(), registry.generators):
        lines += [f"## {names.kind}s", "", f"Field: `{fields_of[names.kind]}`.", ""]
        lines += ["| name | version | what | reads |", "|---|---|---|---|"]
        for name in names.in_this_tree:
            one = names.declaration(name)
            reads = ", ".join(f"`{pattern}`" for pattern in one.reads)
            lines.append(f"| `{name}` | {one.version} | {_cell(one.says)} | {reads} |")
        lines.append("")
    return "\n".join([*lines, *_metrics(), "", *_own_settings(), ""])


def _own_settings() -> list[str]:
    """The fields `plugin.NAME.FIELD`, with default, values and meaning."""
    lines = [
        "## settings",
        "",
        "Of one plugin alone, read where a run uses it. What each method does: [Methods](methods.md).",
        "",
    ]
    lines += ["| field | default | values | meaning |", "|---|---|---|---|"]
    for names in registry.AXES.values():
        for plugin in names.in_this_tree:
            for one in describe_settings(plugin):
                lines.append(f"| `{one.name}` | `{one.default}` | {_cell(one.holds)} | {_cell(one.says)} |")
    return lines


def _metrics() -> list[str]:
    lines = ["## metrics", "", "Of a sweep file: `metric`. One may be asked for where an evaluation gives it.", ""]
    lines += ["| name | in tables | one number for | digits | given by |", "|---|---|---|---|---|"]
    for one in metrics.METRICS:
        what = "all images of a run" if one.of_set else "each image, averaged"
        lines.append(f"| `{one.name}` | {one.heading} | {what} | {one.digits} | {', '.join(one.evaluations)} |")
    return lines


def exceptions() -> str:
    """The tree of exceptions, from the top of errors.py."""
    text = ast.get_docstring(ast.parse((ROOT / "fpd_bench" / "errors.py").read_text())) or ""
    return "\n".join(
        [NOTE, "# Exceptions", "", text.partition("\n\n")[0], "", "```", text.partition("\n\n")[2], "```\n"]
    )


def schema() -> str:
    """Write the JSON schema of sweep files."""
    return json.dumps(sweep_schema(), indent=1) + "\n"


PAGES = {
    "rooms.md": rooms,
    "plugins.md": plugins,
    "fields.md": fields,
    "exceptions.md": exceptions,
    "sweep.schema.json": schema,
}


def _contracts() -> list[dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def _layers() -> list[list[str]]:
    (order,) = (contract["layers"] for contract in _contracts() if _of_rooms(contract))
    return [[name.strip(" ()") for name in layer.split("|") if _exists(name.strip(" ()"))] for layer in order]


def _exists(name: str) -> bool:
    return (ROOT / "fpd_bench" / name).is_dir() or (ROOT / "fpd_bench" / f"{name}.py").is_file()


def _other_contracts() -> list[str]:
    return [contract["name"] for contract in _contracts() if not _of_rooms(contract)]


def _of_rooms(contract: dict) -> bool:
    """Say whether this is the contract that orders the rooms, not one of the files inside a room."""
    return contract.get("containers") == ["fpd_bench"]


def _first_sentence(text: str) -> str:
    return text.partition("\n\n")[0].replace("\n", " ")


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for name, make in PAGES.items():
        (ROOT / "docs" / name).write_text(make())
