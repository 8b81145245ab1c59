"""What a function's docstring says first is what the function does: a verb in the imperative, and its object."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fpd_bench"
ROOMS = sorted({path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()})
VERBS = frozenset("""
Accept Add Adjust Advise Allow Append Ask Augment Average Begin Blur Bring Build Call Cancel Carry Change
Check Choose Classify Collect Combine Compare Compute Continue Convert Copy Count Cut Deal Decide Declare
Decode Decorate Describe Detect Divide Do Draft Draw Drop Embed Encode End Escape Estimate Exit Exponentiate
Express Extract Extrapolate Fetch Fill Find Follow Gather Give Go Group Grow Guide Hand Hash Hide Hold Import
Insert Join Judge Keep Label Lay Learn Let Lift List Load Look Make Map Mark Mask Match Measure Meet Merge Mix
Move Name Note Number Open Overwrite Pack Parse Perform Perturb Pool Print Pull Put Quote Raise Rank Read Rearrange
Refuse Release Remove Render Repeat Replace Reveal Report Requeue Resize Return Run Sample Say Score See Select Send
Separate Set Share Shift Shorten Shrink Silence Simulate Sort Split Start Strip Submit Subtract Suggest Sum Suppress
Take Tell Test Train Turn Wait Weigh Work Wrap Write Yield Zero
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
