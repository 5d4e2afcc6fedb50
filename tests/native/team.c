// SPDX-License-Identifier: Apache-2.0
//
// A team of threads as ggml-cpu.c has one, with Fireside's changes: it computes graphs of a thousand nodes, each
// a sum that the members share, while the second of them stays on the second core. Its lines tell for each graph
// how many threads ended it; it ends with 1 where a sum is wrong.
//
//     team GRAPHS

#define _GNU_SOURCE
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "fireside_threads.h"

#define THREADS 2
#define NODES 1000
#define NUMBERS 8192

static void ggml_thread_cpu_relax(void) { __asm__ volatile("" ::: "memory"); }

static struct fireside_team team;
static atomic_int come, passed, graph, stop;
static int64_t numbers[NUMBERS];

static void meet(void) {
    const int members = fireside_members(&team);
    if (members == 1) {
        return;
    }
    const int before = atomic_load(&passed);
    if (atomic_fetch_add(&come, 1) == members - 1) {
        fireside_regroup(&team);
        atomic_store(&come, 0);
        atomic_fetch_add(&passed, 1);
        return;
    }
    fireside_await(&team, &passed, before);
}

static void compute(int ith) {
    fireside_enter(&team, ith);
    int nth = fireside_members(&team);
    for (int node = 0; node < NODES; node++) {
        for (int i = ith; i < NUMBERS; i += nth) {
            numbers[i] += node;
        }
        if (ith == 0) {
            fireside_consider(&team);
        }
        meet();
        if (fireside_dismissed(&team, ith)) {
            return;
        }
        nth = fireside_members(&team);
    }
    meet();
}

static void stay_on_the_second_core(void) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(1, &cores);
    sched_setaffinity(0, sizeof(cores), &cores);
}

static void * second(void * unused) {
    (void) unused;
    stay_on_the_second_core();
    int seen = 0;
    while (!atomic_load(&stop)) {
        const int now = atomic_load(&graph);
        if (now != seen) {
            seen = now;
            if ((now & 0xff) > 1) {
                compute(1);
            }
        }
        sched_yield();
    }
    return NULL;
}

int main(int count, char ** words) {
    assert(count >= 2);
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    pthread_t worker;
    fireside_found(&team);
    pthread_create(&worker, NULL, second, NULL);
    sched_setaffinity(0, sizeof(first), &first);
    const int graphs = atoi(words[1]);
    int64_t   sum    = 0;
    for (int number = 1; number <= graphs; number++) {
        const int n = fireside_muster(&team, THREADS);
        atomic_store(&graph, number << 8 | n);
        compute(0);
        fireside_disband(&team);
        sum += (int64_t) NODES * (NODES - 1) / 2;
        printf("%d\n", fireside_members(&team));
        fflush(stdout);
        for (int i = 0; i < NUMBERS; i++) {
            if (numbers[i] != sum) {
                printf("graph %d: number %d is %lld instead of %lld\n", number, i, (long long) numbers[i], (long long) sum);
                return 1;
            }
        }
    }
    atomic_store(&stop, 1);
    pthread_join(worker, NULL);
    return 0;
}
