"""The ten-question dialogue: Fireside beside the tutorial's loop around a transformers pipeline.

`python benchmarks/dialogue.py --model SmolLM2.gguf --transformers-python /path/to/python` runs both
on the same weights, Fireside's in its server and the loop in the other interpreter (which needs
torch, transformers and gguf), with the same questions. Fireside answers first, with 64 tokens at the
most; the loop then writes exactly as many tokens to each question.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUESTIONS = [
    "What is Newtonian mechanics?",
    "What is the law of inertia?",
    "What is a force?",
    "What is mass?",
    "How are force, mass and acceleration related?",
    "What is momentum?",
    "What is energy?",
    "Is energy conserved?",
    "What is gravity?",
    "Who was Isaac Newton?",
]
TOKENS = 64

LOOP = """
import json, sys, time, torch
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
path, counts, questions = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.bfloat16)
generate = pipeline("text-generation", model=model, tokenizer=tokenizer)
dialogue = "Bob is a professor in Physics.\\n"
begun = time.perf_counter()
for question, tokens in zip(questions, counts):
    dialogue += f"\\nAlice: {question}\\nBob:"
    [answer] = generate(dialogue, do_sample=True, top_k=10, max_new_tokens=tokens, min_new_tokens=tokens,
                        return_full_text=False)
    dialogue += answer["generated_text"]
print(json.dumps(time.perf_counter() - begun))
"""


def fireside_seconds(model: Path, first_seed: int) -> tuple[float, list[int]]:
    """Return the seconds that the dialogue takes in a loaded server, and the tokens of each answer."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from serving import serving

    settings = {"model": f"file:{model}", "threads": "", "prompt_threads": ""}
    with tempfile.TemporaryDirectory() as home, serving(Path(home), **settings) as server:
        server.ask(server.new_conversation(), "Hello", sampling={"max_tokens": 2})
        wordy = "Bob is a professor in Physics who explains everything at length."
        bob = {"system": wordy, "sampling": {"top_k": 10, "max_tokens": TOKENS}}
        chat = server.new_conversation(defaults=bob)
        said = []
        begun = time.perf_counter()
        for seed, question in enumerate(QUESTIONS, first_seed):
            record = server.ask(chat, question, sampling={"seed": seed})
            said.append(record["usage"]["completion_tokens"])
        return time.perf_counter() - begun, said


def loop_seconds(python: Path, model: Path, counts: list[int]) -> float:
    arguments = [str(python), "-c", LOOP, str(model), json.dumps(counts), json.dumps(QUESTIONS)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    seconds: float = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--transformers-python", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    model = wanted.model.absolute()
    ours, theirs = [], []
    for run in range(wanted.runs):
        seconds, said = fireside_seconds(model, 10 * run)
        ours.append(seconds)
        theirs.append(loop_seconds(wanted.transformers_python, model, said))
        print(f"Fireside {seconds:.1f} s ({sum(said)} tokens), loop {theirs[-1]:.1f} s", file=sys.stderr)
    ours.sort(), theirs.sort()
    mine, loop = ours[len(ours) // 2], theirs[len(theirs) // 2]
    print("| ten questions, 64 tokens each at the most | seconds |\n|---|---|")
    print(f"| transformers pipeline loop, bfloat16 | {loop:.1f} |")
    print(f"| Fireside | {mine:.1f} ({loop / mine:.1f} times faster) |")


if __name__ == "__main__":
    main()
