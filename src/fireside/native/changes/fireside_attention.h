// SPDX-License-Identifier: Apache-2.0
//
// Attention over what a conversation holds, for a cache of 16-bit floats.
//
// A token asks with several heads for the same keys and values (grouped queries), and a batch has many tokens:
// all rows that ask for the same ones go through them together. Rows are the lanes of the vectors. So a key is
// fetched and widened once for all of them, maxima and sums of the softmax need no sums across lanes, and the
// two products are plain ones of small matrices:
//
//     scores[key][row] = K[key][.] * Q[row][.]        out[d][row] += V[key][d] * weights[key][row]
//
// Keys are taken in tiles, with a running maximum and sum of each row (Milakov and Gimelshein 2018, "Online
// normalizer calculation for softmax"). Tiles that the mask hides from all rows are skipped.
//
// Included by ops.cpp. Where a case isn't handled, `attend` returns false, and ggml's own code computes it.

#pragma once

#if defined(__clang__) || __GNUC__ >= 12

#include <algorithm>
#include <cstdint>

#include "fireside_blocks.h"
#include "fireside_few.h"

namespace fireside {

// As many as fit, but so few that every thread has something to do.
static int64_t tokens_of_a_block(const Attention & asked, int64_t nth) {
    int64_t count = std::clamp<int64_t>(MOST_ROWS / asked.group, 1, asked.tokens);
    while (count > 1 && count * asked.group > ROWS &&
           (asked.tokens + count - 1) / count * asked.kv_heads * asked.sequences < 2 * nth) {
        count = (count + 1) / 2;
    }
    return count;
}

// Compute `dst`, as every thread of the team does with its own `params`. False: nothing was done.
static bool attend(const ggml_compute_params * params, ggml_tensor * dst) {
    const Attention asked(dst);
    if (params->use_ref || !asked.is_handled()) {
        return false;
    }
    const int64_t nth  = params->nth;
    const bool    few  = asked.tokens * asked.group <= FEW;
    const int64_t count = tokens_of_a_block(asked, nth);
    const int64_t width = (count * asked.group + ROWS - 1) / ROWS * ROWS;
    const int64_t line  = 64 / sizeof(float);
    const int64_t needs = few ? Few::floats(asked) + 2 * Few::kept_floats(asked) : Block::floats(asked, width);
    const int64_t each  = (needs + line - 1) / line * line;
    float *       memory = (float *) params->wdata;
    if (each * nth * (int64_t) sizeof(float) > (int64_t) params->wsize) {
        return false;
    }
    if (!few) {
        attend_in_blocks(params, asked, count, memory + params->ith * each);
        return true;
    }
    const Shares shares{asked, nth, memory, each};
    shares.compute(params->ith);
    ggml_barrier(params->threadpool);
    shares.put_together(params->ith);
    return true;
}

}  // namespace fireside

#else  // no 16-bit floats, or no shuffles of vectors

namespace fireside {

static inline bool attend(const ggml_compute_params *, ggml_tensor *) { return false; }

}  // namespace fireside

#endif
