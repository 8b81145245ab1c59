"""What a function's docstring says first is what the function does: a verb in the imperative, and its object."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fpd_bench"
ROOMS = (
    "assets", "bench.py", "clean.py", "cli.py", "config", "errors.py", "evals", "files", "metrics.py", "records",
    "registry.py", "report.py", "reporting", "secrets_mask.py", "store",
)  # fmt: skip
VERBS = frozenset("""
Accept Add Adjust Allow Append Ask Average Bring Build Call Check Choose Collect Combine Compare Compute Copy
Count Cut Declare Decode Decorate Describe Detect Divide Do Draw Encode Escape Estimate Exit Exponentiate
Express Extract Extrapolate Fetch Fill Find Give Hash Hold Import Insert Judge Keep List Load Look Make Map Mark
Mask Measure Move Name Note Number Open Overwrite Parse Pool Print Put Quote Raise Read Refuse Remove Replace
Resize Sample Say Set Shorten Silence Simulate Sort Split Strip Subtract Suggest Sum Suppress Take Tell Test
Turn Weigh Work Wrap Write Yield
""".split())  # fmt: skip


def docstrings(room: str) -> list[tuple[str, str]]:
    """List (path, line and name, docstring) of the functions below a folder of the package, or in one of its files."""
    files = sorted((PACKAGE / room).rglob("*.py")) if (PACKAGE / room).is_dir() else [PACKAGE / room]
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (text := ast.get_docstring(node)):
                found.append((f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}", text))
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_of_functions_begin_with_a_verb(room):
    wrong = [f"{where}: {text}" for where, text in docstrings(room) if text.split()[0].strip(".,:;") not in VERBS]
    assert wrong == [], "begin these docstrings with a verb in the imperative; if it is one, add it to VERBS"


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_of_functions_name_an_object(room):
    bare = [where for where, text in docstrings(room) if len(text.split(". Raises ")[0].rstrip(".").split()) < 3]
    assert bare == [], "say what is done to what, not only that it is done or what it raises"
