#!/usr/bin/env python3
"""llama.cpp's real server behind the command line of its own program, as far as Fireside uses that.

A `llama-server` takes minutes to compile; this one is there at once, and listens, answers and dies like one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import xllamacpp

VALUES = (
    "model host port parallel ctx-size batch-size ubatch-size threads threads-batch cache-ram fit verbosity"
)
MORE = (
    "slot-save-path pooling flash-attn mmproj cache-type-k cache-type-v poll poll-batch "
    "spec-type spec-ngram-simple-size-n spec-ngram-simple-size-m"
)
SWITCHES = "no-kv-unified no-cache-idle-slots no-ui jinja no-warmup embedding"


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in VALUES.split():
        parser.add_argument(f"--{name}", required=True)
    for name in MORE.split():
        parser.add_argument(f"--{name}")
    for name in SWITCHES.split():
        parser.add_argument(f"--{name}", action="store_true")
    told = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = told.model
    params.hostnames = [told.host]
    params.port = int(told.port)
    params.api_keys = [os.environ["LLAMA_API_KEY"]]
    params.ui = not told.no_ui
    params.kv_unified = not told.no_kv_unified
    params.n_parallel = int(told.parallel)
    params.n_ctx = int(told.ctx_size)
    params.n_batch, params.n_ubatch = int(told.batch_size), int(told.ubatch_size)
    params.cpuparams.n_threads = int(told.threads)
    params.cpuparams_batch.n_threads = int(told.threads_batch)
    params.cache_idle_slots = not told.no_cache_idle_slots
    params.cache_ram_mib = int(told.cache_ram)
    params.slot_save_path = told.slot_save_path or ""
    params.fit_params = told.fit == "on"
    if told.flash_attn == "off":
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.warmup = not told.no_warmup
    params.verbosity = int(told.verbosity)
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    sys.stderr.write(f"srv  llama_server: listening on {server.listening_address}\n")
    sys.stderr.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
