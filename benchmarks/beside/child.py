"""What other libraries do with a model, for whoever asks on standard input.

Run by an interpreter that has them: `child.py loop FOLDER`, `child.py openvino MODEL.gguf`. One JSON object a
line is asked (`messages`, `tokens`, `temperature`, `seed`), and two are answered: `{"first": true}` with the
first word, and then the counts and the text. `child.py unpack MODEL.gguf FOLDER` writes the weights as
transformers has them, in bfloat16.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Answer = tuple[int, int, str]
"""the tokens of the prompt and of the answer, and its text"""
Write = Callable[[dict[str, Any], Callable[[], None]], Answer]


def loop(folder: str) -> Write:
    """The tutorials' chatbot: a transcript that grows, and a pipeline that is given all of it each time.

    Theirs show an answer when it is whole; this one is given a streamer, so that its first word can be seen.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    generate = pipeline("text-generation", model=model, tokenizer=tokenizer)

    class Seen:
        """What `generate` hands the prompt to, and then each token."""

        def __init__(self, told: Callable[[], None]) -> None:
            self.told = told
            self.put_count = 0

        def put(self, value: Any) -> None:
            self.put_count += 1
            if self.put_count == 2:
                self.told()

        def end(self) -> None:
            pass

    def write(asked: dict[str, Any], told: Callable[[], None]) -> Answer:
        names = {"user": "Alice", "assistant": "Bob", "system": "Bob"}
        said = [f"{names[one['role']]}: {one['content']}" for one in asked["messages"]]
        transcript = "\n".join([*said, "Bob:"])
        torch.manual_seed(asked["seed"])
        how = {"do_sample": True, "top_k": 10} if asked["temperature"] else {"do_sample": False}
        [answer] = generate(
            transcript,
            max_new_tokens=asked["tokens"],
            min_new_tokens=asked["tokens"],
            return_full_text=False,
            streamer=Seen(told),
            **how,
        )
        return len(tokenizer(transcript)["input_ids"]), asked["tokens"], answer["generated_text"]

    return write


def openvino(path: str) -> Write:
    import openvino_genai

    pipe = openvino_genai.LLMPipeline(path, "CPU")

    def write(asked: dict[str, Any], told: Callable[[], None]) -> Answer:
        how = openvino_genai.GenerationConfig()
        how.max_new_tokens, how.ignore_eos = asked["tokens"], True
        how.do_sample = asked["temperature"] > 0
        if how.do_sample:
            how.temperature, how.rng_seed = asked["temperature"], asked["seed"]
        seen: list[str] = []

        def show(piece: str) -> openvino_genai.StreamingStatus:
            if piece and not seen:
                told()
            seen.append(piece)
            return openvino_genai.StreamingStatus.RUNNING

        history = openvino_genai.ChatHistory(asked["messages"])
        found = pipe.generate(history, generation_config=how, streamer=show)
        counts = found.perf_metrics
        return counts.get_num_input_tokens(), counts.get_num_generated_tokens(), "".join(seen)

    return write


def unpack(path: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    unpacked = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    unpacked.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)


def questions() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries print what they like

    def tell(what: dict[str, Any]) -> None:
        os.write(answers, json.dumps(what).encode() + b"\n")

    what, path = sys.argv[1:3]
    if what == "unpack":
        unpack(Path(path), Path(sys.argv[3]))
        return
    write = {"loop": loop, "openvino": openvino}[what](path)
    tell({"ready": True})
    for asked in questions():
        prompt, written, text = write(asked, lambda: tell({"first": True}))
        tell({"prompt_tokens": prompt, "completion_tokens": written, "text": text})


if __name__ == "__main__":
    main()
