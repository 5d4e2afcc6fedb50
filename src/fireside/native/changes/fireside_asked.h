// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the attention: ggml's tensors, and where in them something lies.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "fireside_vectors.h"

namespace fireside {

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

}  // namespace fireside
