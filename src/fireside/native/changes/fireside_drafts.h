// SPDX-License-Identifier: Apache-2.0
//
// How many tokens are drafted: as many as lately were right, twice as many where all were.
//
// Tokens that are tried at once cost less than one by one, but those that were wrong cost for nothing. What is
// copied from the text above is right for long, what merely looks like it hardly ever: so begin with few.
//
// Included by speculative.cpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fireside {

class DraftLengths {
  public:
    // A reply begins: nothing of the one before is known, so that the same is said again with the same seed.
    void begin(size_t sequence) { of(sequence) = {}; }

    void cut(size_t sequence, std::vector<int> & draft) {
        auto & length = of(sequence);
        draft.resize(std::min(draft.size(), length.allowed));
        length.drafted = draft.size();
    }

    void judge(size_t sequence, size_t accepted) {
        auto & length = of(sequence);
        length.allowed = std::max<size_t>(accepted >= length.drafted ? 2 * length.drafted : accepted, 1);
    }

  private:
    struct Length {
        size_t allowed = 2;
        size_t drafted = 0;
    };

    Length & of(size_t sequence) {
        if (lengths.size() <= sequence) {
            lengths.resize(sequence + 1);
        }
        return lengths[sequence];
    }

    std::vector<Length> lengths;
};

}  // namespace fireside
