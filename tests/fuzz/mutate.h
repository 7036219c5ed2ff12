/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t fuzz_random(uint64_t below);

/* What a target may define beside LLVMFuzzerTestOneInput(): another input of its own language. Returns its length, 0 if there is none. */
size_t fuzz_mutate(const uint8_t *data, size_t size, uint8_t *out, size_t limit);

#endif
