/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <fabricnet/types.h>

/* Bits (32, 128) and bytes (4, 16) of a family; 0 for anything else. */
unsigned family_bits(uint16_t family);
size_t family_bytes(uint16_t family);

int address_compare(const fbn_address *a, const fbn_address *b);
int prefix_compare(const fbn_prefix *a, const fbn_prefix *b); /* family, address, length */
bool prefix_equal(const fbn_prefix *a, const fbn_prefix *b);
bool endpoint_equal(const fbn_endpoint *a, const fbn_endpoint *b);

#endif
