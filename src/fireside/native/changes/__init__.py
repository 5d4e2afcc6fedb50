"""What Fireside changes in llama.cpp's source before it is built: headers of our own, and their uses.

The source is one known archive, so each place is given by the text that stands there exactly once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
THREADS, DRAFTS = "ggml/src/ggml-cpu/ggml-cpu.c", "common/speculative.cpp"
ATTENTION = "ggml/src/ggml-cpu/ops.cpp"
HEADERS = {
    "fireside_threads.h": THREADS,
    "fireside_attention.h": ATTENTION,
    "fireside_asked.h": ATTENTION,
    "fireside_blocks.h": ATTENTION,
    "fireside_few.h": ATTENTION,
    "fireside_vectors.h": ATTENTION,
    "fireside_drafts.h": DRAFTS,
}
"""and which file each is put beside"""

COUNTED = "atomic_load_explicit(&tp->n_graph, memory_order_relaxed) & GGML_THREADPOOL_N_THREADS_MASK"


class Change(NamedTuple):
    """`text` is put behind `place`, before it, or in its stead."""

    file: str
    place: str
    text: str
    where: str = "behind"

    def made(self, source: str) -> str:
        """Return `source` with the change. ValueError where the place isn't there, or not once."""
        if (count := source.count(self.place)) != 1:
            raise ValueError(f"{self.file} has {count} times: {self.place.strip()}")
        texts = {"behind": self.place + self.text, "before": self.text + self.place, "instead": self.text}
        return source.replace(self.place, texts[self.where])


CHANGES = (
    Change(THREADS, "// Threadpool def\n", '#include "fireside_threads.h"\n\n', "before"),
    Change(
        THREADS,
        "    atomic_int  abort;        // Used for aborting processing of a graph\n",
        "    struct fireside_team team;\n",
    ),
    Change(THREADS, "threadpool->n_graph          = 0;\n", "        fireside_found(&threadpool->team);\n"),
    Change(
        THREADS,
        f"int n_threads = {COUNTED};\n",
        "int n_threads = fireside_members(&tp->team);\n",
        "instead",
    ),
    Change(
        THREADS,
        "        atomic_store_explicit(&tp->n_barrier, 0, memory_order_relaxed);\n",
        "        fireside_regroup(&tp->team);\n",
        "before",
    ),
    Change(
        THREADS,
        "    // wait for other threads\n",
        "    fireside_await(&tp->team, &tp->n_barrier_passed, n_passed);\n",
    ),
    Change(
        THREADS,
        "    struct ggml_threadpool    * tp    = state->threadpool;\n",
        "\n    fireside_enter(&tp->team, state->ith);\n",
    ),
    Change(
        THREADS,
        f"/*.nth        =*/ {COUNTED},\n",
        "/*.nth        =*/ fireside_members(&tp->team),\n",
        "instead",
    ),
    Change(
        THREADS,
        "            ggml_barrier(state->threadpool);\n",
        """            if (state->ith == 0) {
                fireside_consider(&tp->team);
            }
            ggml_barrier(tp);
            if (fireside_dismissed(&tp->team, state->ith)) {
                return 0;
            }
            params.nth = fireside_members(&tp->team);
""",
        "instead",
    ),
    Change(
        THREADS,
        "    const uint64_t n_rounds = 1024UL * 128 * threadpool->poll;\n",
        """    const bool    is_member = state->ith < fireside_members(&threadpool->team);
    const int64_t until_us  = fireside_now_us() + (is_member ? FIRESIDE_POLL_US * threadpool->poll : 0);
""",
        "instead",
    ),
    Change(
        THREADS,
        "    for (uint64_t i=0; !ggml_graph_compute_thread_ready(state) && i < n_rounds; i++) {\n",
        """    for (uint64_t i = 0; !ggml_graph_compute_thread_ready(state); i++) {
        if (i % FIRESIDE_LOOKS == 0 && fireside_now_us() >= until_us) {
            break;
        }
""",
        "instead",
    ),
    Change(
        THREADS,
        "    // Kick all threads to start the new graph\n",
        "    n_threads = fireside_muster(&threadpool->team, n_threads);\n",
    ),
    Change(
        THREADS,
        "    // don't leave affinity set on the main thread\n",
        "    fireside_disband(&threadpool->team);\n\n",
        "before",
    ),
    Change(
        ATTENTION,
        """static void ggml_compute_forward_flash_attn_ext_f16(
        const ggml_compute_params * params,
        ggml_tensor * dst) {
""",
        """#include "fireside_attention.h"

static void ggml_compute_forward_flash_attn_ext_f16(
        const ggml_compute_params * params,
        ggml_tensor * dst) {

    if (fireside::attend(params, dst)) {
        return;
    }
""",
        "instead",
    ),
    Change(DRAFTS, '#include "speculative.h"\n', '\n#include "fireside_drafts.h"\n'),
    Change(
        DRAFTS,
        "    // shared across all sequences\n    common_ngram_simple_config config;\n",
        "    fireside::DraftLengths lengths;\n",
    ),
    Change(
        DRAFTS,
        """                this->params.size_n, this->params.size_m, this->params.min_hits);
    }

    void begin(llama_seq_id /*seq_id*/, const llama_tokens & /*prompt*/) override {
        // noop
""",
        """                this->params.size_n, this->params.size_m, this->params.min_hits);
    }

    void begin(llama_seq_id seq_id, const llama_tokens & /*prompt*/) override {
        lengths.begin(seq_id);
""",
        "instead",
    ),
    Change(
        DRAFTS,
        "            *dp.result = common_ngram_simple_draft(config, *dp.prompt, dp.id_last);\n",
        "            lengths.cut(seq_id, *dp.result);\n",
    ),
    Change(
        DRAFTS,
        """    void accept(llama_seq_id /*seq_id*/, uint16_t /*n_accepted*/, bool /*is_other*/) override {
        // noop
    }
};

struct common_speculative_impl_ngram_map_k : public common_speculative_impl {
""",
        """    void accept(llama_seq_id seq_id, uint16_t n_accepted, bool is_other) override {
        if (!is_other) {
            lengths.judge(seq_id, n_accepted);
        }
    }
};

struct common_speculative_impl_ngram_map_k : public common_speculative_impl {
""",
        "instead",
    ),
)


def apply(source: Path) -> None:
    """Change the source in this folder. ValueError where it isn't the source that the changes are for."""
    for name, beside in HEADERS.items():
        (source / beside).with_name(name).write_bytes((FOLDER / name).read_bytes())
    for change in CHANGES:
        path = source / change.file
        path.write_text(change.made(path.read_text("utf-8")), "utf-8", newline="\n")


def version() -> str:
    """Return what tells these changes from others."""
    texts = [(FOLDER / name).read_bytes() for name in HEADERS] + [repr(CHANGES).encode()]
    return hashlib.blake2b(b"\0".join(texts), digest_size=4).hexdigest()
