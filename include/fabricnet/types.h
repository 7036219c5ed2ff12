/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_TYPES_H
#define FABRICNET_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FBN_PUBLIC __attribute__((visibility("default")))
#define FBN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define FBN_PUBLIC
#define FBN_PRINTF(text, first)
#endif

/* An options or record struct, its size filled in and the rest zero: FBN_OPTIONS(fbn_route, .device = "wg0"). C only. */
#define FBN_OPTIONS(type, ...) (&(type){ .size = sizeof(type), __VA_ARGS__ })

/* A handle that is released when it leaves its scope: FBN_CLEANUP(fbn_context) c = NULL; (gcc and clang). */
#define FBN_CLEANUP(type) __attribute__((cleanup(type##_unrefp))) type *
#define FBN_DEFINE_CLEANUP(type)                        \
        static inline void type##_unrefp(type **handle) \
        {                                               \
                type##_unref(*handle);                  \
        }

/** An IPv4 or IPv6 address; family is AF_INET or AF_INET6, 0 means "none". IPv4 uses the first four bytes. */
typedef struct fbn_address {
        uint16_t family;
        uint8_t bytes[16];
} fbn_address;

/** An address and a prefix length in bits. Host bits are kept as given; see fbn_prefix_network(). */
typedef struct fbn_prefix {
        fbn_address address;
        uint8_t length;
} fbn_prefix;

/** An address and a port (host byte order); scope is the interface index of a link-local IPv6 address, else 0. */
typedef struct fbn_endpoint {
        fbn_address address;
        uint16_t port;
        uint32_t scope;
} fbn_endpoint;

/** Room for any address, prefix or endpoint as text, with its terminating zero. */
#define FBN_ADDRESS_TEXT 64

/**
 * Read an IPv4 or IPv6 address from text.
 *
 * @param text         "192.168.8.1" or "fd00::1"; no zone, no surrounding space
 * @param ret_address  untouched on failure
 * @return 0, or -FBN_EINVAL if the text is no address
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC int fbn_address_parse(const char *text, fbn_address *ret_address);

/**
 * Write an address as text, IPv6 in the form of RFC 5952.
 *
 * @param address  NULL or family 0 gives an empty text
 * @param buffer   receives the text and its zero
 * @param size     bytes in buffer; FBN_ADDRESS_TEXT always suffices, a smaller one truncates
 * @return buffer
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC const char *fbn_address_format(const fbn_address *address, char *buffer, size_t size);

/**
 * Read a prefix from text; a bare address is a prefix of full length.
 *
 * @param text        "192.168.8.0/24"; host bits are kept
 * @param ret_prefix  untouched on failure
 * @return 0, or -FBN_EINVAL if the text is no prefix
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC int fbn_prefix_parse(const char *text, fbn_prefix *ret_prefix);

/** Write a prefix as "ADDRESS/LENGTH"; as fbn_address_format(). Thread: any. Since 0.1. */
FBN_PUBLIC const char *fbn_prefix_format(const fbn_prefix *prefix, char *buffer, size_t size);

/**
 * A prefix with its host bits cleared.
 *
 * @param prefix       borrowed
 * @param ret_network  may be the same object as prefix
 * @return 1 if host bits were cleared, 0 if there were none, -FBN_EINVAL if the prefix is not valid
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC int fbn_prefix_network(const fbn_prefix *prefix, fbn_prefix *ret_network);

/** Whether the address lies inside the prefix; false across families. Thread: any. Since 0.1. */
FBN_PUBLIC bool fbn_prefix_contains(const fbn_prefix *prefix, const fbn_address *address);

/** Whether two prefixes share an address; false across families. Thread: any. Since 0.1. */
FBN_PUBLIC bool fbn_prefix_overlaps(const fbn_prefix *a, const fbn_prefix *b);

/**
 * Read an endpoint from text.
 *
 * @param text          "192.0.2.1:51820", "[2001:db8::1]:51820" or "[fe80::1%3]:51820" (the zone a number); no host names
 * @param ret_endpoint  untouched on failure
 * @return 0, or -FBN_EINVAL if the text is no endpoint
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC int fbn_endpoint_parse(const char *text, fbn_endpoint *ret_endpoint);

/** Write an endpoint as text, IPv6 in brackets; as fbn_address_format(). Thread: any. Since 0.1. */
FBN_PUBLIC const char *fbn_endpoint_format(const fbn_endpoint *endpoint, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
