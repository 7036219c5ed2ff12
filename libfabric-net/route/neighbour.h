/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_NEIGHBOUR_H
#define ROUTE_NEIGHBOUR_H

#include "route/route.h"

/* What the files about neighbours share. */

#define LINK_ADDRESS_BYTES 32 /* MAX_ADDR_LEN of the kernel */
#define LINK_ADDRESS_TEXT (LINK_ADDRESS_BYTES * 3)

int neighbour_take(fbn_context *c, const fbn_neighbour *given, fbn_neighbour *ret_neighbour);
int neighbour_take_match(fbn_context *c, const fbn_neighbour *given, fbn_neighbour *ret_neighbour);

size_t neighbour_link_address(const char *text, uint8_t bytes[static LINK_ADDRESS_BYTES]); /* bytes written; 0: it is none */

bool neighbour_same(const fbn_neighbour *a, const fbn_neighbour *b); /* address, device, proxy */
bool neighbour_satisfies(const fbn_neighbour *have, const fbn_neighbour *want);

#define NEIGHBOUR_TEXT 128
const char *neighbour_name(const fbn_neighbour *neighbour, char text[static NEIGHBOUR_TEXT]); /* "neighbour 10.0.0.2 dev eth0" */

int neighbours_append(fbn_context *c, fbn_neighbours *neighbours, const fbn_neighbour *neighbour); /* a copy */
void neighbours_cut(fbn_neighbours *neighbours, size_t count);

void neighbour_put(struct nlmsghdr *message, const fbn_neighbour *neighbour, uint32_t device);
void neighbour_put_deletion(struct nlmsghdr *message, const fbn_neighbour *neighbour, uint32_t device);

/* text receives the link's address, to which the record then points. */
bool neighbour_parse(const struct nlmsghdr *message, const struct devices *devices, char text[static LINK_ADDRESS_TEXT], fbn_neighbour *ret_neighbour);

#endif
