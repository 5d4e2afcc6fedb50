// SPDX-License-Identifier: Apache-2.0
//
// Vectors of floats as wide as the processor's, and products of small matrices of them.

#pragma once

#include <algorithm>
#include <cstdint>

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

}  // namespace fireside
