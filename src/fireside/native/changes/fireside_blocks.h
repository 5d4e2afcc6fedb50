// SPDX-License-Identifier: Apache-2.0
//
// Many rows: blocks of tokens, whose rows are the lanes.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "fireside_asked.h"

namespace fireside {

// Rows of one sequence and key head that go through the keys together: `count` tokens from `first` on, with all
// heads of the group each. Its memory is given.
struct Block {
    static void widen(const char * halves, int64_t step, int64_t there, float * to, int64_t size) {
        for (int64_t i = 0; i < there; i++) {
            for (int64_t d = 0; d < size; d += LANES) {
                at(to + i * size + d) = wide(halves + i * step, d);
            }
        }
        std::fill(to + there * size, to + TILE * size, 0.0f);
    }

    const Attention & asked;
    int64_t sequence, kv_head, first, count;
    int64_t rows, width;                             // the width is filled up
    float *queries, *scores, *out;                   // [size][width], [TILE][width], [size_v][width]
    float *key, *value;                              // [TILE][size], [TILE][size_v]
    float most[MOST_ROWS], sum[MOST_ROWS];

    static int64_t floats(const Attention & asked, int64_t width) {
        return width * (asked.size + TILE + asked.size_v) + TILE * (asked.size + asked.size_v);
    }

    Block(const Attention & asked, int64_t unit, int64_t first, int64_t count, float * memory) :
        asked(asked), sequence(unit / asked.kv_heads), kv_head(unit % asked.kv_heads), first(first), count(count) {
        rows    = count * asked.group;
        width   = (rows + ROWS - 1) / ROWS * ROWS;
        queries = memory;
        scores  = queries + asked.size * width;
        out     = scores + TILE * width;
        key     = out + asked.size_v * width;
        value   = key + TILE * asked.size;
        std::fill(most, most + MOST_ROWS, -INFINITY);
        std::fill(sum, sum + MOST_ROWS, 0.0f);
        std::fill(out, out + asked.size_v * width, 0.0f);
        std::fill(queries, queries + asked.size * width, 0.0f);
        for (int64_t row = 0; row < rows; row++) {
            const float * query = asked.query_of(token(row), head(row), sequence);
            for (int64_t d = 0; d < asked.size; d++) {
                queries[d * width + row] = query[d] * asked.scale;
            }
        }
    }

    int64_t token(int64_t row) const { return first + row / asked.group; }
    int64_t head(int64_t row) const { return kv_head * asked.group + row % asked.group; }

    void go_through(int64_t tile) {
        const int64_t begin = tile * TILE, there = std::min<int64_t>(TILE, asked.keys - begin);
        const Attention::Sight sight = asked.sight(begin, there, first, count, sequence);
        if (sight.nothing) {
            return;
        }
        widen(asked.key_of(begin, kv_head, sequence), asked.k->nb[1], there, key, asked.size);
        widen(asked.value_of(begin, kv_head, sequence), asked.v->nb[1], there, value, asked.size_v);
        product<false>(key, asked.size, queries, width, scores);
        if (!sight.everything) {
            add_mask(begin, there);
        }
        std::fill(scores + there * width, scores + TILE * width, -INFINITY);
        weigh();
        product<true>(value, asked.size_v, scores, width, out);
    }

    void add_mask(int64_t begin, int64_t there) {
        for (int64_t row = 0; row < rows; row++) {
            const _Float16 * added = (const _Float16 *) asked.mask_of(token(row), sequence) + begin;
            const float      slope = asked.slope(head(row));
            for (int64_t i = 0; i < there; i++) {
                scores[i * width + row] += slope * (float) added[i];
            }
        }
    }

    // Make weights of the scores, and what was summed before fit to the new maximum.
    void weigh() {
        for (int64_t column = 0; column < width; column += LANES) {
            const Vector before = at(most + column);
            Vector       now    = before;
            for (int i = 0; i < TILE; i++) {
                now = larger(at(scores + i * width + column), now);
            }
            const Vector base = now > all(-INFINITY) ? now : Vector{};
            Vector total{};
            for (int i = 0; i < TILE; i++) {
                Vector & score = at(scores + i * width + column);
                score = exponential(score - base);
                total += score;
            }
            if (differ(before, now)) {
                const Vector fit = exponential(before - base);
                for (int64_t d = 0; d < asked.size_v; d++) {
                    at(out + d * width + column) *= fit;
                }
                at(sum + column) *= fit;
            }
            at(sum + column) += total;
            at(most + column) = now;
        }
    }

    void write() const {
        for (int64_t row = 0; row < rows; row++) {
            float *     to    = asked.out_of(token(row), head(row), sequence);
            const float whole = sum[row] > 0.0f ? 1.0f / sum[row] : 0.0f;
            for (int64_t d = 0; d < asked.size_v; d++) {
                to[d] = out[d * width + row] * whole;
            }
        }
    }
};

// The threads take blocks of tokens, as each has time.
static void attend_in_blocks(const ggml_compute_params * params, const Attention & asked, int64_t count, float * memory) {
    const int64_t blocks = (asked.tokens + count - 1) / count;
    const int64_t units  = blocks * asked.kv_heads * asked.sequences;
    if (params->ith == 0) {
        ggml_threadpool_chunk_set(params->threadpool, params->nth);
    }
    ggml_barrier(params->threadpool);
    for (int64_t unit = params->ith; unit < units; unit = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        const int64_t first = (blocks - 1 - unit % blocks) * count;  // the last ones see the most: they go first
        Block block(asked, unit / blocks, first, std::min(count, asked.tokens - first), memory);
        for (int64_t tile = 0; tile < asked.tiles; tile++) {
            block.go_through(tile);
        }
        block.write();
    }
}

}  // namespace fireside
