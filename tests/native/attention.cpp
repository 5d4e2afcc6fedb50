// SPDX-License-Identifier: Apache-2.0
//
// Attention as Fireside's header computes it, beside sums in double precision, on random numbers. What the header
// uses of ggml is stood in for. Prints the number of cases, how many of them it handled, and the largest
// difference, as a share of the largest number of its row.

#include <atomic>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

enum ggml_type { GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_Q8_0 };

struct ggml_tensor {
    ggml_type     type;
    int64_t       ne[4];
    size_t        nb[4];
    int32_t       op_params[16];
    ggml_tensor * src[10];
    void *        data;
};

struct ggml_threadpool {
    std::barrier<>   meeting;
    std::atomic<int> chunk;
};

struct ggml_compute_params {
    int               ith, nth;
    size_t            wsize;
    void *            wdata;
    ggml_threadpool * threadpool;
    bool              use_ref;
};

static void ggml_barrier(ggml_threadpool * pool) { pool->meeting.arrive_and_wait(); }
static void ggml_threadpool_chunk_set(ggml_threadpool * pool, int value) { pool->chunk = value; }
static int ggml_threadpool_chunk_add(ggml_threadpool * pool, int value) { return pool->chunk.fetch_add(value); }

#include "fireside_attention.h"

struct Case {
    int64_t size, heads, kv_heads, tokens, keys, sequences;
    int     threads;
    float   bias;
    int     sight;  // 0: what was before, 1: some of it, 2: nothing for the second token
};

template <typename T> struct Tensor : ggml_tensor {
    std::vector<T> numbers;

    Tensor(ggml_type type, int64_t a, int64_t b, int64_t c, int64_t d) : ggml_tensor{type, {a, b, c, d}, {}, {}, {}, nullptr} {
        nb[0] = sizeof(T), nb[1] = nb[0] * a, nb[2] = nb[1] * b, nb[3] = nb[2] * c;
        numbers.resize(a * b * c * d);
        data = numbers.data();
    }
    T & at(int64_t a, int64_t b, int64_t c, int64_t d) { return numbers[((d * ne[2] + c) * ne[1] + b) * ne[0] + a]; }
};

static bool sees(const Case & one, int64_t token, int64_t key) {
    const bool before = key <= one.keys - one.tokens + token - 30;
    return one.sight == 0 ? before : one.sight == 1 ? (key / 100 + token) % 3 == 0 : before && token != 1;
}

// The largest difference, or -1 where the case isn't handled.
static double difference(const Case & one, int seed) {
    std::mt19937 chance(seed);
    std::normal_distribution<float> number;
    Tensor<float>    q(GGML_TYPE_F32, one.size, one.tokens, one.heads, one.sequences);
    Tensor<_Float16> k(GGML_TYPE_F16, one.size, one.keys, one.kv_heads, one.sequences);
    Tensor<_Float16> v(GGML_TYPE_F16, one.size, one.keys, one.kv_heads, one.sequences);
    Tensor<_Float16> mask(GGML_TYPE_F16, one.keys, one.tokens, 1, one.sequences);
    Tensor<float>    out(GGML_TYPE_F32, one.size, one.heads, one.tokens, one.sequences);
    for (float & x : q.numbers) { x = 2 * number(chance); }
    for (_Float16 & x : k.numbers) { x = (_Float16) number(chance); }
    for (_Float16 & x : v.numbers) { x = (_Float16) number(chance); }
    for (int64_t s = 0; s < one.sequences; s++) {
        for (int64_t t = 0; t < one.tokens; t++) {
            for (int64_t i = 0; i < one.keys; i++) {
                const float near = one.bias > 0 ? -(float) std::abs((double) (i - t)) : 0.0f;
                mask.at(i, t, 0, s) = (_Float16) (sees(one, t, i) ? near : -INFINITY);
            }
        }
    }
    const float scale = 1 / std::sqrt((float) one.size);
    memcpy(out.op_params, &scale, sizeof(float));
    memcpy(out.op_params + 1, &one.bias, sizeof(float));
    out.src[0] = &q, out.src[1] = &k, out.src[2] = &v, out.src[3] = &mask;
    // As ggml_graph_plan reserves it.
    std::vector<float> work((64 * one.size * 4 + 2 * 64 * 64) * one.threads);
    ggml_threadpool pool{std::barrier<>(one.threads), 0};
    std::atomic<int> handled = 0;
    std::vector<std::thread> team;
    for (int ith = 0; ith < one.threads; ith++) {
        team.emplace_back([&, ith] {
            const ggml_compute_params params{ith, one.threads, work.size() * sizeof(float), work.data(), &pool, false};
            handled += fireside::attend(&params, &out);
        });
    }
    for (std::thread & thread : team) { thread.join(); }
    if (handled != one.threads) { return -1; }
    const fireside::Attention asked(&out);
    double worst = 0;
    for (int look = 0; look < 100; look++) {
        const int64_t s = chance() % one.sequences, h = chance() % one.heads, g = h / (one.heads / one.kv_heads);
        const int64_t t = look < 2 ? std::min<int64_t>(look, one.tokens - 1) : chance() % one.tokens;
        std::vector<double> right(one.size);
        double sum = 0, largest = 1e-3;
        for (int64_t i = 0; i < one.keys; i++) {
            double score = 0;
            for (int64_t d = 0; d < one.size; d++) { score += (double) q.at(d, t, h, s) * (double) k.at(d, i, g, s); }
            const double weight = std::exp(score * scale + asked.slope(h) * (double) mask.at(i, t, 0, s));
            for (int64_t d = 0; d < one.size; d++) { right[d] += weight * (double) v.at(d, i, g, s); }
            sum += weight;
        }
        for (double & x : right) { x = sum > 0 ? x / sum : 0, largest = std::max(largest, std::fabs(x)); }
        for (int64_t d = 0; d < one.size; d++) {
            const double off = std::fabs(right[d] - (double) out.at(d, h, t, s)) / largest;
            worst = off <= worst ? worst : off;  // not a number is the worst
        }
    }
    return worst;
}

int main() {
    int cases = 0, handled = 0;
    double worst = 0;
    const int64_t heads[][2] = {{9, 3}, {8, 8}, {16, 2}, {32, 1}};
    for (const int64_t size : {64, 80, 128}) {
        for (const auto & [all, kv] : heads) {
            for (const int64_t tokens : {1, 2, 17, 130}) {
                const Case one{size, all, kv, tokens, 500 + 140 * (cases % 2), 1 + cases % 3, 1 + cases % 4, cases % 5 == 4 ? 8.0f : 0.0f, cases % 3};
                const double off = difference(one, cases++);
                handled += off >= 0;
                worst = off <= worst ? worst : off;
            }
        }
    }
    std::printf("%d %d %g\n", cases, handled, worst);
}
