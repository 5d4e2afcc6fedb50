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
#include <cmath>
#include <cstdint>
#include <cstring>

namespace fireside {

#if defined(__AVX512F__)
constexpr int LANES = 16, MOST_VECTORS = 4;  // four rows of four vectors of sums, of 32 registers
#else
constexpr int LANES = 8, MOST_VECTORS = 2;
#endif
constexpr int TILE = 64;       // keys
constexpr int MOST_ROWS = 64;  // that go through them together
constexpr int ROWS = 16;       // they are filled up to a multiple of it
constexpr int FEW = 4;         // rows of a key head for which lanes are better spent on the numbers of a key
constexpr uint16_t HIDDEN = 0xFC00;  // minus infinity as a 16-bit float

typedef float    Vector __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef int32_t  Whole __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef _Float16 Half __attribute__((vector_size(LANES * sizeof(_Float16)), aligned(2)));

static inline Vector & at(float * p) { return *reinterpret_cast<Vector *>(p); }
static inline Vector at(const float * p) { return *reinterpret_cast<const Vector *>(p); }
static inline Vector all(float x) { return x - Vector{}; }
static inline Vector wide(const char * halves, int64_t place) {
    return __builtin_convertvector(*(const Half *) ((const _Float16 *) halves + place), Vector);
}
static inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

// The sum of all lanes: each time the other half is added to each.
static inline float total(Vector a) {
#if defined(__AVX512F__)
    a += __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    a += __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1);
    a += __builtin_shufflevector(a, a, 2, 3, 0, 1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
#else
    a += __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
    a += __builtin_shufflevector(a, a, 2, 3, 0, 1, -1, -1, -1, -1);
#endif
    return a[0] + a[1];
}

static inline bool differ(Vector a, Vector b) {
    const Whole other = a != b;
    int32_t any = 0;
    for (int i = 0; i < LANES; i++) {
        any |= other[i];
    }
    return any != 0;
}

// exp(x) for x <= 0, to 2e-7 of it; what is below -87, 0. With n = round(x / ln 2) it is 2^n * e^r.
static inline Vector exponential(Vector x) {
    const Vector kept  = larger(x, all(-87.0f));
    const Vector magic = all(12582912.0f);  // 1.5 * 2^23: what is added to it is rounded to a whole number
    const Vector n     = (kept * all(1.44269504f) + magic) - magic;
    const Vector r     = kept - n * all(0.693359375f) + n * all(2.12194440e-4f);
    Vector e = all(1.9875691500e-4f);
    for (const float factor :
         {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) {
        e = e * r + all(factor);
    }
    e = e * r * r + r + all(1.0f);
    const Whole power = (__builtin_convertvector(n, Whole) + 127) << 23;
    const Vector result = e * (Vector) power;  // a cast of vectors keeps their bits
    return x < all(-87.0f) ? Vector{} : result;
}

// sums[m][.] = (or +=) the sum over k of a[m * step + k * stride] * b[k][.], for HEIGHT rows m and N vectors.
template <int HEIGHT, int N>
static inline __attribute__((always_inline)) void product_block(
        const float * a, int64_t step, int64_t stride, const float * b, int64_t width, float * sums, int depth, bool adds) {
    Vector sum[HEIGHT][N];
    for (int m = 0; m < HEIGHT; m++) {
        for (int n = 0; n < N; n++) {
            sum[m][n] = adds ? at(sums + m * width + n * LANES) : Vector{};
        }
    }
    for (int k = 0; k < depth; k++) {
        for (int m = 0; m < HEIGHT; m++) {
            const Vector factor = all(a[m * step + k * stride]);
            for (int n = 0; n < N; n++) {
                sum[m][n] += factor * at(b + k * width + n * LANES);
            }
        }
    }
    for (int m = 0; m < HEIGHT; m++) {
        for (int n = 0; n < N; n++) {
            at(sums + m * width + n * LANES) = sum[m][n];
        }
    }
}

template <int N>
static inline __attribute__((always_inline)) void product_columns(
        const float * a, int64_t step, int64_t stride, const float * b, int64_t width, float * sums,
        int height, int depth, bool adds) {
    constexpr int HEIGHT = N == 1 ? 16 : N == 2 ? 8 : 4;
    for (int m = 0; m < height; m += HEIGHT) {
        product_block<HEIGHT, N>(a + m * step, step, stride, b, width, sums + m * width, depth, adds);
    }
}

// ADDS: a is [k][m], and sums are added to; else a is [m][k]. SIZE: of its lines, where it is known beforehand,
// so that places in them are part of the instructions.
template <int SIZE, bool ADDS>
static void product_of(const float * a, int64_t size, const float * b, int64_t width, float * sums) {
    const int64_t line   = SIZE ? SIZE : size;
    const int64_t step   = ADDS ? 1 : line;
    const int64_t stride = ADDS ? line : 1;
    const int     height = ADDS ? line : TILE;
    const int     depth  = ADDS ? TILE : line;
    for (int64_t column = 0; column < width;) {
        const int64_t vectors = std::min<int64_t>((width - column) / LANES, MOST_VECTORS);
        const float * from = b + column;
        float *       to   = sums + column;
        switch (vectors) {
            case 1: product_columns<1>(a, step, stride, from, width, to, height, depth, ADDS); break;
            case 2: product_columns<2>(a, step, stride, from, width, to, height, depth, ADDS); break;
            case 3: product_columns<3>(a, step, stride, from, width, to, height, depth, ADDS); break;
            default: product_columns<4>(a, step, stride, from, width, to, height, depth, ADDS);
        }
        column += vectors * LANES;
    }
}

template <bool ADDS>
static void product(const float * a, int64_t size, const float * b, int64_t width, float * sums) {
    switch (size) {
        case 64: product_of<64, ADDS>(a, size, b, width, sums); break;
        case 128: product_of<128, ADDS>(a, size, b, width, sums); break;
        default: product_of<0, ADDS>(a, size, b, width, sums);
    }
}

// What is asked, in terms of ggml's tensors.
struct Attention {
    const ggml_tensor *q, *k, *v, *mask;
    ggml_tensor * out;
    float   scale, max_bias;
    int64_t size, size_v;       // of a key, of a value
    int64_t tokens, keys, tiles;
    int64_t heads, kv_heads, group, sequences, shared;  // shared: sequences that have the same keys

    explicit Attention(ggml_tensor * dst) :
        q(dst->src[0]), k(dst->src[1]), v(dst->src[2]), mask(dst->src[3]), out(dst) {
        memcpy(&scale, dst->op_params, sizeof(float));
        memcpy(&max_bias, dst->op_params + 1, sizeof(float));
        size = k->ne[0], size_v = v->ne[0];
        tokens = q->ne[1], keys = k->ne[1], tiles = (keys + TILE - 1) / TILE;
        heads = q->ne[2], kv_heads = k->ne[2], sequences = q->ne[3];
        group = heads / kv_heads, shared = std::max<int64_t>(sequences / k->ne[3], 1);
    }

    bool is_handled() const {
        float softcap;
        memcpy(&softcap, out->op_params + 2, sizeof(float));
        const bool types = q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 && v->type == GGML_TYPE_F16;
        const bool lines = q->nb[0] == sizeof(float) && k->nb[0] == 2 && v->nb[0] == 2 && v->ne[1] == keys;
        const bool sizes = size % ROWS == 0 && size_v % ROWS == 0 && size <= 512 && size_v <= 512;
        const bool shared = heads % kv_heads == 0 && v->ne[2] == kv_heads && group <= MOST_ROWS;
        const bool streams = k->ne[3] > 0 && sequences % k->ne[3] == 0 && v->ne[3] == k->ne[3];
        const bool masked = !mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[0] >= keys);
        return types && lines && sizes && shared && streams && masked && softcap == 0.0f && !out->src[4];
    }

    const uint16_t * mask_of(int64_t token, int64_t sequence) const {
        const char * data = (const char *) mask->data;
        return (const uint16_t *) (data + token * mask->nb[1] + (sequence % mask->ne[3]) * mask->nb[3]);
    }

    const char * key_of(int64_t place, int64_t kv_head, int64_t sequence) const {
        return (const char *) k->data + place * k->nb[1] + kv_head * k->nb[2] + sequence / shared * k->nb[3];
    }

    const char * value_of(int64_t place, int64_t kv_head, int64_t sequence) const {
        return (const char *) v->data + place * v->nb[1] + kv_head * v->nb[2] + sequence / shared * v->nb[3];
    }

    const float * query_of(int64_t token, int64_t head, int64_t sequence) const {
        return (const float *) ((const char *) q->data + token * q->nb[1] + head * q->nb[2] + sequence * q->nb[3]);
    }

    float * out_of(int64_t token, int64_t head, int64_t sequence) const {
        const int64_t place = (sequence * out->ne[2] + token) * out->ne[1] + head;
        return (float *) ((char *) out->data + place * out->nb[1]);
    }

    // What the mask says of some keys to `count` tokens from `first` on.
    struct Sight {
        bool nothing, everything;
    };

    Sight sight(int64_t begin, int64_t there, int64_t first, int64_t count, int64_t sequence) const {
        uint16_t any_set = 0, any_seen = mask ? 0 : 1;
        for (int64_t token = first; mask && token < first + count; token++) {
            const uint16_t * bits = mask_of(token, sequence) + begin;
            for (int64_t i = 0; i < there; i++) {
                any_set |= bits[i];
                any_seen |= bits[i] ^ HIDDEN;
            }
        }
        return {!any_seen, !any_set};
    }

    float slope(int64_t head) const {
        if (max_bias <= 0.0f) {
            return 1.0f;
        }
        const int64_t below = int64_t(1) << (int64_t) std::floor(std::log2((double) heads));
        return head < below ? std::pow(2.0f, -max_bias * (head + 1) / below)
                            : std::pow(2.0f, -max_bias / 2.0f * (2 * (head - below) + 1) / below);
    }
};

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
