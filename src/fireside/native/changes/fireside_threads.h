// SPDX-License-Identifier: Apache-2.0
//
// Threads that leave while another program has their core, and come back when it has gone.
//
// ggml's threads meet at a barrier after every operation, some hundred times for a token, and look without end
// whether the others have come. A thread that waits for a core, as soon as another program computes, keeps all
// of them waiting for as long as the system lets that program run: milliseconds each time, seconds for a token.
//
// So a thread that waits long looks whether another one is ready to run and doesn't. If so, it gives up its own core
// for a moment: that helps where both were put on the same one. Where it doesn't help, several times in a row, the
// team goes on from the next node of the graph with fewer. After a while, longer each time that it fails, one
// more is tried.
//
// Included by ggml-cpu.c. All functions are called by the threads of one team, `consider`, `muster` and `disband`
// by its first thread only.

#pragma once

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline void ggml_thread_cpu_relax(void);

enum {
    FIRESIDE_MOST          = 512,      // threads that ggml allows
    FIRESIDE_LOOKS         = 32,       // before the clock is asked: a pause takes 0.01 to 0.7 us
    FIRESIDE_PATIENCE_US   = 400,      // at a barrier
    FIRESIDE_POLL_US       = 2500,     // for each percent of ggml's polling
    FIRESIDE_WATCHED_US    = 2000,     // how long another one is watched
    FIRESIDE_NAP_US        = 100,
    FIRESIDE_NAPS          = 3,        // in vain, before one leaves
    FIRESIDE_IN_A_ROW_US   = 50000,
    FIRESIDE_LEAST_AWAY_US = 20000,
    FIRESIDE_MOST_AWAY_US  = 1000000,
    FIRESIDE_TRIAL_US      = 20000,    // of computing, after which one that came back stays
    FIRESIDE_CALM_US       = 40000,    // of computing, after which one that leaves does so for the first time
};

struct fireside_team {
    atomic_int  members;                    // threads that meet at the barriers
    atomic_int  wanted;                     // from the next barrier on
    atomic_int  starved;                    // how many were found ready to run and without a core
    atomic_int  ids[FIRESIDE_MOST];         // the system's
    atomic_bool dismissed[FIRESIDE_MOST];   // told to leave, and not gone yet
    int         planned;                    // threads that there would be for this graph
    int         mustered;                   // and those that began it
    int64_t     began_us;
};

// What the teams of this process have learned; a race between two would only make one learn later.
static struct {
    atomic_int   most;       // threads that find a core; 0: no limit is known
    atomic_llong retry_us;   // when one more is tried
    atomic_llong away_us;    // how long was waited for that
    atomic_int   naps;       // in a row
    atomic_llong napped_us;  // when the last one was
    atomic_llong calm_us;    // computed since one left, but for the time with fewer
} fireside_known;

static inline int64_t fireside_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline void fireside_found(struct fireside_team * team) {
    memset(team, 0, sizeof(*team));
    atomic_store(&team->members, 1);
    atomic_store(&team->wanted, 1);
}

static inline int fireside_members(struct fireside_team * team) {
    return atomic_load_explicit(&team->members, memory_order_relaxed);
}

// Look some times whether `passed` isn't `before` any more.
static inline bool fireside_looks(atomic_int * passed, int before) {
    for (int i = 0; i < FIRESIDE_LOOKS; i++) {
        if (atomic_load_explicit(passed, memory_order_relaxed) != before) {
            return true;
        }
        ggml_thread_cpu_relax();
    }
    return false;
}

#ifdef __linux__

#include <sys/syscall.h>

static inline void fireside_enter(struct fireside_team * team, int ith) {
    static _Thread_local int own;
    if (own == 0) {
        own = (int) syscall(SYS_gettid);
    }
    atomic_store_explicit(&team->ids[ith], own, memory_order_relaxed);
}

// The processor time of a thread, -1 where there is none. A thread's clock is its id, as the kernel's headers
// have it (CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED): pthread_getcpuclockid asks for a thread that is our own.
static int64_t fireside_computed_us(int id) {
    struct timespec spent;
    const clockid_t clock = (clockid_t) ((~(unsigned) id << 3) | 6u);
    if (id == 0 || clock_gettime(clock, &spent) != 0) {
        return -1;
    }
    return (int64_t) spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

// Whether a thread would run if it had a core: one that waits for the disk isn't helped by leaving.
static bool fireside_is_ready(int id) {
    char text[512];
    snprintf(text, sizeof(text), "/proc/self/task/%d/stat", id);
    const int file = open(text, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    const ssize_t size = read(file, text, sizeof(text) - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    const char * behind_name = strrchr(text, ')');
    return behind_name && strncmp(behind_name, ") R", 3) == 0;
}

static int fireside_count_starved(struct fireside_team * team, const int64_t * before, int members, int64_t passed_us) {
    int starved = 0;
    for (int i = 0; i < members; i++) {
        const int     id    = atomic_load_explicit(&team->ids[i], memory_order_relaxed);
        const int64_t spent = fireside_computed_us(id) - before[i];
        if (before[i] >= 0 && spent < passed_us / 4 && fireside_is_ready(id)) {
            starved++;
        }
    }
    return starved;
}

// Watch the others until `passed` isn't `before` any more; note those that have no core.
static __attribute__((noinline)) void fireside_watch(struct fireside_team * team, atomic_int * passed, int before) {
    int64_t computed_us[FIRESIDE_MOST];
    const int members = fireside_members(team);
    while (true) {
        const int64_t since_us = fireside_now_us();
        int64_t       now_us   = since_us;
        for (int i = 0; i < members; i++) {
            computed_us[i] = fireside_computed_us(atomic_load_explicit(&team->ids[i], memory_order_relaxed));
        }
        while (now_us - since_us < FIRESIDE_WATCHED_US) {
            if (fireside_looks(passed, before)) {
                return;
            }
            now_us = fireside_now_us();
        }
        const int starved = fireside_count_starved(team, computed_us, members, now_us - since_us);
        if (starved > 0) {
            const bool in_a_row = now_us - atomic_exchange(&fireside_known.napped_us, now_us) < FIRESIDE_IN_A_ROW_US;
            const int  naps     = in_a_row ? atomic_fetch_add(&fireside_known.naps, 1) + 1 : 1;
            atomic_store(&fireside_known.naps, naps);
            if (naps > FIRESIDE_NAPS) {
                atomic_store_explicit(&team->starved, starved, memory_order_relaxed);
            }
            // The system gives a core that is left to whoever waits for one.
            usleep(FIRESIDE_NAP_US);
        }
    }
}

#else

static inline void fireside_enter(struct fireside_team * team, int ith) {
    (void) team;
    (void) ith;
}

static inline void fireside_watch(struct fireside_team * team, atomic_int * passed, int before) {
    (void) team;
    while (atomic_load_explicit(passed, memory_order_relaxed) == before) {
        ggml_thread_cpu_relax();
    }
}

#endif

// Wait until `passed` isn't `before` any more.
static inline void fireside_await(struct fireside_team * team, atomic_int * passed, int before) {
    if (fireside_looks(passed, before)) {
        return;
    }
    const int64_t until_us = fireside_now_us() + FIRESIDE_PATIENCE_US;
    while (fireside_now_us() < until_us) {
        if (fireside_looks(passed, before)) {
            return;
        }
    }
    fireside_watch(team, passed, before);
}

// Between two nodes, before the barrier: decide whether the team goes on with fewer.
static inline void fireside_consider(struct fireside_team * team) {
    if (atomic_load_explicit(&team->starved, memory_order_relaxed) == 0) {
        return;
    }
    const int starved = atomic_exchange_explicit(&team->starved, 0, memory_order_relaxed);
    const int members = fireside_members(team);
    atomic_store_explicit(&team->wanted, members > starved ? members - starved : 1, memory_order_relaxed);
}

// By the last to come to a barrier, before it lets the others go. The first thread wants other members only
// right before the barrier between two nodes, so it is that one.
static inline void fireside_regroup(struct fireside_team * team) {
    const int members = fireside_members(team);
    const int wanted  = atomic_load_explicit(&team->wanted, memory_order_relaxed);
    for (int i = wanted; i < members; i++) {
        atomic_store_explicit(&team->dismissed[i], true, memory_order_relaxed);
    }
    atomic_store_explicit(&team->members, wanted, memory_order_relaxed);
}

// Whether this thread is to leave the graph; it was told once it asks.
static inline bool fireside_dismissed(struct fireside_team * team, int ith) {
    return atomic_load_explicit(&team->dismissed[ith], memory_order_relaxed) &&
           atomic_exchange_explicit(&team->dismissed[ith], false, memory_order_release);
}

// Return how many of `planned` threads begin the next graph.
static inline int fireside_muster(struct fireside_team * team, int planned) {
    const int64_t now_us = fireside_now_us();
    const int     most   = atomic_load(&fireside_known.most);
    int           n      = planned;
    if (most > 0 && most < planned) {
        n = now_us >= atomic_load(&fireside_known.retry_us) ? most + 1 : most;
    }
    for (int i = 1; i < n; i++) {
        if (atomic_load_explicit(&team->dismissed[i], memory_order_acquire)) {
            n = i;  // it has not had a core since
        }
    }
    atomic_store(&team->members, n);
    atomic_store(&team->wanted, n);
    atomic_store(&team->starved, 0);
    team->planned  = planned;
    team->mustered = n;
    team->began_us = now_us;
    return n;
}

// After a graph: remember how many found a core. What only passed by, a moment of another program's, is soon
// forgotten; what has a core for good is tried less and less.
static inline void fireside_disband(struct fireside_team * team) {
    const int64_t now_us  = fireside_now_us();
    const int     members = fireside_members(team);
    const int     most    = atomic_load(&fireside_known.most);
    int64_t       calm_us = atomic_load(&fireside_known.calm_us);
    if (members < team->mustered) {
        const bool    again   = calm_us < FIRESIDE_CALM_US;
        int64_t       away_us = again ? 2 * atomic_load(&fireside_known.away_us) : 0;
        away_us = away_us < FIRESIDE_LEAST_AWAY_US ? FIRESIDE_LEAST_AWAY_US : away_us;
        away_us = away_us > FIRESIDE_MOST_AWAY_US ? FIRESIDE_MOST_AWAY_US : away_us;
        atomic_store(&fireside_known.most, members);
        atomic_store(&fireside_known.away_us, away_us);
        atomic_store(&fireside_known.retry_us, now_us + away_us);
        atomic_store(&fireside_known.calm_us, 0);
    } else if (most == 0 || members > most || members == team->planned) {
        calm_us += now_us - team->began_us;
        atomic_store(&fireside_known.calm_us, calm_us);
        if (most != 0 && members > most && calm_us >= FIRESIDE_TRIAL_US) {
            atomic_store(&fireside_known.most, members);
        }
    }
}
