"""Lines and tokens of exported scripts, model by model: ``python -m benchmarks.program_length``.

The paper says that Pyro programs are shorter than TensorFlow's. Both are counted here on the scripts of
`irtbridge.export` in single precision, the default of both libraries: on the whole script, and on the model alone with
the classes that it needs. Lines are those with code, tokens those of Python's own tokenizer without comments,
docstrings and line ends.
"""

from __future__ import annotations

import ast
import io
import sys
import tempfile
import tokenize
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import irtbridge as irt

MODELS = {
    "2pl": ("lsat7", {}),
    "m2pl": ("lsat7", {"traits": 2}),
    "grm": ("bfi:N", {}),
    "gpcm": ("bfi:N", {}),
    "rsm": ("bfi:N", {}),
    "nominal": ("bfi:N", {}),
}
BACKENDS = {"pyro": "Pyro", "tfp": "TensorFlow Probability"}
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def count(text: str) -> tuple[int, int]:
    """Lines with code, and tokens."""
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in SILENT]
    return len({line for t in tokens for line in range(t.start[0], t.end[0] + 1)}), len(tokens)


def without_docstrings(text: str) -> str:
    """A script without what documents it."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            for row in range(first.lineno - 1, first.end_lineno or first.lineno):
                lines[row] = ""
    return "\n".join(lines)


def model_part(text: str) -> str:
    """The model and the classes that it needs."""
    lines = text.splitlines()
    parts = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and node.name == "model")
    ]
    starts = [min([node.lineno, *(d.lineno for d in node.decorator_list)]) for node in parts]
    return "\n".join("\n".join(lines[a - 1 : n.end_lineno]) for a, n in zip(starts, parts, strict=True))


def table(method: str = "nuts") -> pd.DataFrame:
    """Lines and tokens by model (row), of the script and of its model, in each library (column)."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model, (data, options) in MODELS.items():
            row: dict[str, int] = {}
            for backend in BACKENDS:
                how = {"backend": backend, "method": method, "dtype": "float32", "model_options": options}
                script = irt.export(data, model, output=Path(folder) / f"{model}.py", **how)  # type: ignore[arg-type]
                text = without_docstrings(script.read_text())
                for part, said in (("script", text), ("model", model_part(text))):
                    row[f"{part} lines {backend}"], row[f"{part} tokens {backend}"] = count(said)
            rows[model] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def markdown(counts: pd.DataFrame) -> str:
    """The table as `docs/paper.md` has it."""
    whats = ("script lines", "script tokens", "model lines", "model tokens")
    lines = [" | ".join(["| model", *(f"{what}, Pyro / TFP" for what in whats)]) + " |", "| --- " * 5 + "|"]
    for model, row in counts.iterrows():
        cells = [f"{row[f'{what} pyro']} / {row[f'{what} tfp']}" for what in whats]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str]) -> int:
    """Print the table."""
    print(markdown(table()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
