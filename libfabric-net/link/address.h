/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LINK_ADDRESS_H
#define LINK_ADDRESS_H

#include <fabricnet/link.h>

struct nlmsghdr;

/* An address as it was read: with the kernel's own message, from which it can be set again as it was. */
struct address_entry {
        fbn_link_address address;
        const struct nlmsghdr *message; /* NULL if it was not read */
};

const struct address_entry *addresses_entry(const fbn_link_addresses *addresses, size_t index);

/* From a message of the kernel's with its whole header; false: neither IPv4 nor IPv6. */
bool address_parse(const struct nlmsghdr *message, const char *device, fbn_link_address *ret_address);

/* As fbn_link_address_list(), with the device's index; 0 without one. */
int addresses_read(fbn_context *c, const char *device, uint32_t *ret_index, fbn_link_addresses **ret_addresses);

int address_check(fbn_context *c, const fbn_link_address *address);

#endif
