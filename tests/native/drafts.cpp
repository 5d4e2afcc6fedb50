// SPDX-License-Identifier: Apache-2.0
//
// Prints how many of 64 tokens are drafted, each time after as many were right as the next word says.

#include "fireside_drafts.h"

#include <cstdio>
#include <cstdlib>

int main(int count, char ** words) {
    fireside::DraftLengths lengths;
    lengths.begin(3);
    for (int i = 1; i <= count; i++) {
        std::vector<int> draft(64);
        lengths.cut(3, draft);
        std::printf("%zu ", draft.size());
        if (i < count) {
            lengths.judge(3, std::atoi(words[i]));
        }
    }
    lengths.begin(3);
    std::vector<int> draft(64);
    lengths.cut(3, draft);
    std::printf("%zu\n", draft.size());
    return 0;
}
