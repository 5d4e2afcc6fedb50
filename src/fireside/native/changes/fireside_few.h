// SPDX-License-Identifier: Apache-2.0
//
// Few rows: the tokens that are written one by one, where the cache's memory is the limit.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "fireside_asked.h"

namespace fireside {

// A few rows of each key head: what a token asks that is written alone. All heads of a sequence go through a tile
// together, since their keys lie side by side in memory, which is the limit here. Lanes are the numbers of a key.
struct Few {
    const Attention & asked;
    int64_t sequence, group, rows;            // of a key head, of all
    float *queries, *scores;                  // [rows][size], [group][TILE]
    float *out, *most, *sum;                  // [rows][size_v], [rows], [rows]

    static int64_t kept_floats(const Attention & asked) { return asked.heads * asked.tokens * (asked.size_v + 2); }
    static int64_t floats(const Attention & asked) {
        return asked.heads * asked.tokens * asked.size + FEW * TILE + kept_floats(asked);
    }

    Few(const Attention & asked, int64_t sequence, float * memory) : asked(asked), sequence(sequence) {
        group   = asked.group * asked.tokens;
        rows    = group * asked.kv_heads;
        queries = memory;
        scores  = queries + rows * asked.size;
        out     = scores + FEW * TILE;
        most    = out + rows * asked.size_v;
        sum     = most + rows;
        std::fill(out, out + kept_floats(asked), 0.0f);
        std::fill(most, most + rows, -INFINITY);
        for (int64_t row = 0; row < rows; row++) {
            const float * query = asked.query_of(token(row), head(row), sequence);
            for (int64_t d = 0; d < asked.size; d++) {
                queries[row * asked.size + d] = query[d] * asked.scale;
            }
        }
    }

    int64_t token(int64_t row) const { return row % group / asked.group; }
    int64_t head(int64_t row) const { return row / group * asked.group + row % asked.group; }

    void go_through(int64_t tile) {
        const int64_t begin = tile * TILE, there = std::min<int64_t>(TILE, asked.keys - begin);
        const Attention::Sight sight = asked.sight(begin, there, 0, asked.tokens, sequence);
        if (sight.nothing) {
            return;
        }
        fetch(begin + TILE);
        for (int64_t kv_head = 0; kv_head < asked.kv_heads; kv_head++) {
            switch (group) {
                case 1: take<1>(kv_head, begin, there, sight.everything); break;
                case 2: take<2>(kv_head, begin, there, sight.everything); break;
                case 3: take<3>(kv_head, begin, there, sight.everything); break;
                default: take<4>(kv_head, begin, there, sight.everything);
            }
        }
    }

    // Ask the memory for the tile after this one, in the order in which it lies there.
    void fetch(int64_t begin) const {
        for (int64_t i = begin; i < std::min(begin + TILE, asked.keys); i++) {
            for (int64_t kv_head = 0; kv_head < asked.kv_heads; kv_head++) {
                for (int64_t d = 0; d < asked.size; d += 32) {
                    __builtin_prefetch(asked.key_of(i, kv_head, sequence) + d * 2, 0, 2);
                }
            }
        }
        for (int64_t i = begin; i < std::min(begin + TILE, asked.keys); i++) {
            for (int64_t kv_head = 0; kv_head < asked.kv_heads; kv_head++) {
                for (int64_t d = 0; d < asked.size_v; d += 32) {
                    __builtin_prefetch(asked.value_of(i, kv_head, sequence) + d * 2, 0, 2);
                }
            }
        }
    }

    template <int R>
    void take(int64_t kv_head, int64_t begin, int64_t there, bool sees_all) {
        const int64_t first = kv_head * R;
        const float * query = queries + first * asked.size;
        for (int64_t i = 0; i < there; i++) {
            const char * key = asked.key_of(begin + i, kv_head, sequence);
            Vector product[R] = {};
            for (int64_t d = 0; d < asked.size; d += LANES) {
                const Vector numbers = wide(key, d);
                for (int r = 0; r < R; r++) {
                    product[r] += numbers * at(query + r * asked.size + d);
                }
            }
            for (int r = 0; r < R; r++) {
                scores[r * TILE + i] = total(product[r]);
            }
        }
        for (int r = 0; r < R; r++) {
            std::fill(scores + r * TILE + there, scores + (r + 1) * TILE, -INFINITY);
            if (!sees_all) {
                const _Float16 * added = (const _Float16 *) asked.mask_of(token(first + r), sequence) + begin;
                const float      slope = asked.slope(head(first + r));
                for (int64_t i = 0; i < there; i++) {
                    scores[r * TILE + i] += slope * (float) added[i];
                }
            }
            weigh(first + r, scores + r * TILE);
        }
        constexpr int AT_ONCE = 64 / LANES;
        int64_t d = 0;
        for (; d + 64 <= asked.size_v; d += 64) {
            add_values<R, AT_ONCE>(kv_head, begin, there, d);
        }
        for (; d < asked.size_v; d += 16) {
            add_values<R, 16 / LANES>(kv_head, begin, there, d);
        }
    }

    template <int R, int N>
    void add_values(int64_t kv_head, int64_t begin, int64_t there, int64_t d) {
        float * to = out + kv_head * R * asked.size_v + d;
        Vector  added[R][N];
        for (int r = 0; r < R; r++) {
            for (int n = 0; n < N; n++) {
                added[r][n] = at(to + r * asked.size_v + n * LANES);
            }
        }
        for (int64_t i = 0; i < there; i++) {
            const char * value = asked.value_of(begin + i, kv_head, sequence);
            for (int n = 0; n < N; n++) {
                const Vector numbers = wide(value, d + n * LANES);
                for (int r = 0; r < R; r++) {
                    added[r][n] += numbers * all(scores[r * TILE + i]);
                }
            }
        }
        for (int r = 0; r < R; r++) {
            for (int n = 0; n < N; n++) {
                at(to + r * asked.size_v + n * LANES) = added[r][n];
            }
        }
    }

    void weigh(int64_t row, float * weights) {
        float now = most[row];
        for (int i = 0; i < TILE; i++) {
            now = std::max(now, weights[i]);
        }
        if (now == -INFINITY) {
            std::fill(weights, weights + TILE, 0.0f);
            return;
        }
        if (now > most[row]) {
            fit(row, now);
        }
        Vector added{};
        for (int i = 0; i < TILE; i += LANES) {
            added += at(weights + i) = exponential(at(weights + i) - now);
        }
        sum[row] += total(added);
    }

    // Make what was summed fit to a new maximum.
    void fit(int64_t row, float now) {
        const float factor = std::exp(most[row] - now);
        for (int64_t d = 0; d < asked.size_v; d++) {
            out[row * asked.size_v + d] *= factor;
        }
        sum[row] *= factor;
        most[row] = now;
    }

    // Add what another thread made of other tiles, as it lies in `out`, `most` and `sum`.
    void merge(const float * kept) {
        const float * its_most = kept + rows * asked.size_v;
        const float * its_sum  = its_most + rows;
        for (int64_t row = 0; row < rows; row++) {
            if (its_most[row] == -INFINITY) {
                continue;
            }
            if (its_most[row] > most[row]) {
                fit(row, its_most[row]);
            }
            const float factor = std::exp(its_most[row] - most[row]);
            for (int64_t d = 0; d < asked.size_v; d++) {
                out[row * asked.size_v + d] += factor * kept[row * asked.size_v + d];
            }
            sum[row] += factor * its_sum[row];
        }
    }

    void write() const {
        for (int64_t row = 0; row < rows; row++) {
            float *     to    = asked.out_of(token(row), head(row), sequence);
            const float whole = sum[row] > 0.0f ? 1.0f / sum[row] : 0.0f;
            for (int64_t d = 0; d < asked.size_v; d++) {
                to[d] = out[row * asked.size_v + d] * whole;
            }
        }
    }
};

// The threads share the tiles of all sequences evenly. Who has a part of a sequence's keeps what came of it, of two
// sequences at most, and then the parts are put together.
struct Shares {
    const Attention & asked;
    int64_t nth;
    float * memory;
    int64_t each;  // floats of a thread

    int64_t begin(int64_t ith) const { return asked.tiles * asked.sequences * ith / nth; }
    float * kept(int64_t ith, int64_t sequence) const {
        const int64_t number = sequence == begin(ith) / asked.tiles ? 0 : 1;
        return memory + ith * each + Few::floats(asked) + number * Few::kept_floats(asked);
    }
    bool is_whole(int64_t ith, int64_t sequence) const {
        return begin(ith) <= sequence * asked.tiles && begin(ith + 1) >= (sequence + 1) * asked.tiles;
    }
    bool has_some(int64_t ith, int64_t sequence) const {
        return begin(ith) < (sequence + 1) * asked.tiles && begin(ith + 1) > sequence * asked.tiles;
    }

    void compute(int64_t ith) const {
        const int64_t from = begin(ith), to = begin(ith + 1);
        for (int64_t sequence = from / asked.tiles; sequence * asked.tiles < to; sequence++) {
            Few few(asked, sequence, memory + ith * each);
            const int64_t start = sequence * asked.tiles;
            for (int64_t tile = std::max(from, start); tile < std::min(to, start + asked.tiles); tile++) {
                few.go_through(tile - start);
            }
            if (is_whole(ith, sequence)) {
                few.write();
            } else {
                memcpy(kept(ith, sequence), few.out, Few::kept_floats(asked) * sizeof(float));
            }
        }
    }

    void put_together(int64_t ith) const {
        for (int64_t sequence = ith; sequence < asked.sequences; sequence += nth) {
            Few  few(asked, sequence, memory + ith * each);
            bool in_parts = false;
            for (int64_t other = 0; other < nth; other++) {
                if (has_some(other, sequence) && !is_whole(other, sequence)) {
                    few.merge(kept(other, sequence));
                    in_parts = true;
                }
            }
            if (in_parts) {
                few.write();
            }
        }
    }
};

}  // namespace fireside
