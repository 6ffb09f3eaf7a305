"""Spans captured without any SDK, in any language: imported as traces, and exported again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("otel-braintrust")


def run_model(question: str, begin: float) -> dict[str, Any]:
    """What a program in Kotlin, Go or Rust may write down of a model call."""
    return {
        "name": "chat",
        "type": "llm",
        "input": [{"role": "user", "content": f"Answer the following question: {question}"}],
        "output": {"role": "assistant", "content": "Within 30 days."},
        "metadata": {"model": "gpt-4o-mini", "max_tokens": 32},
        "metrics": {"start": begin, "end": begin + 0.4, "prompt_tokens": 12, "tokens": 16},
    }


def run_input(question: str, begin: float) -> dict[str, Any]:
    call = run_model(question, begin)
    return {
        "name": "answer",
        "input": question,
        "output": call["output"]["content"],
        "expected": "30 days",
        "children": [call],
    }


def command(*words: str) -> str:
    done = subprocess.run([PROGRAM, *words], check=True, capture_output=True, text=True)
    return done.stdout


trees = [run_input("Can I return it?", 1704916642.9), run_input("How long?", 1704916643.5)]
Path("trees.jsonl").write_text("\n".join(map(json.dumps, trees)), encoding="utf-8")

# One trace for each line. Importing the file once more would replace them, not double them.
print(command("import", "trees.jsonl", "--project", "examples"), end="")

# A project's rows as JSON lines, for other systems or for another project.
rows = command("export", "--project", "examples")
Path("rows.jsonl").write_text(rows, encoding="utf-8")
print(command("import", "rows.jsonl", "--project", "examples, copied"), end="")
copy = command("export", "--project", "examples, copied")
print(sorted(copy.splitlines()) == sorted(rows.splitlines()))
