/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_WORDS_H
#define FABRIC_WORDS_H

#include <fabricnet/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What single words of the file look like. Each has its regular expression beside it for the published schema: these two say the
 * same, but for numbers within addresses of version 6, which only the function reads. */
#define WORD_LABEL "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
bool word_is_label(const char *text);
#define WORD_NAME "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
bool word_is_name(const char *text);
#define WORD_DEVICE "^(?!\\.{1,2}$)[A-Za-z0-9_.@+-]{1,15}$"
bool word_is_device(const char *text);
#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define IPV4 OCTET "(\\." OCTET "){3}"
#define IPV6 "[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(" IPV4 ")?"
#define WORD_ADDRESS "^(" IPV4 "|" IPV6 ")$"
bool word_is_address(const char *text);
#define WORD_PREFIX "^(" IPV4 "/([0-9]|[12][0-9]|3[0-2])|" IPV6 "/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))$"
bool word_is_prefix(const char *text);
#define WORD_KEY "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"
bool word_is_key(const char *text);
#define WORD_SYSCTL "^net(\\.[A-Za-z0-9_-]{1,32}){2,6}$"
bool word_is_sysctl(const char *text);
#define WORD_SECONDS "^[1-9][0-9]{0,4}s$"
bool word_is_seconds(const char *text);
#define DOMAIN_LABEL "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
#define DOMAIN DOMAIN_LABEL "(\\." DOMAIN_LABEL ")*"
#define WORD_DOMAIN "^" DOMAIN "$"
bool word_is_domain(const char *text);
#define WORD_SUFFIX "^(\\*\\.)?" DOMAIN "\\.?$"
bool word_is_suffix(const char *text);
#define PORT "([1-9][0-9]{0,4})"
#define HOST_PORT "(" DOMAIN "|" IPV4 "|\\[" IPV6 "\\]):" PORT
#define WORD_HOST_PORT "^" HOST_PORT "$"
bool word_is_host_port(const char *text);
#define WORD_TARGET "^(" HOST_PORT "/(tcp|udp)|(" DOMAIN "|" IPV4 "|\\[" IPV6 "\\])/(icmp|dns))$"
bool word_is_target(const char *text);
/* Cut it: host needs room for the text; port is 0 for "icmp" and "dns". False if it is none. */
bool word_split_target(const char *text, char *host, size_t size, uint16_t *ret_port, const char **ret_protocol);
#define WORD_FORWARD "^(" IPV4 "|\\[" IPV6 "\\]):" PORT "/(tcp|udp)$"
bool word_is_forward(const char *text);
/* Cut it in two; false if it is none. */
bool word_split_forward(const char *text, fbn_endpoint *ret_target, bool *ret_udp);
#define WORD_URL "^https?://[^/?#@\\s]+/?$"
bool word_is_url(const char *text);
#define WORD_PATH "^.+$"
bool word_is_path(const char *text);
#define WORD_POINTER "^/[^\\n]*$"
bool word_is_pointer(const char *text);
#define WORD_FILE "^/[A-Za-z0-9/._@:+-]*$"
bool word_is_file(const char *text);
#define WORD_EMAIL "^[A-Za-z0-9._+-]+@" DOMAIN "$"
bool word_is_email(const char *text);
#define WORD_ACME "^https://[A-Za-z0-9][A-Za-z0-9/._:-]*$"
bool word_is_acme(const char *text);
#define WORD_ZONE "^[0-9a-f]{32}$"
bool word_is_zone(const char *text);
#define WORD_HOST_KEY "^[a-z0-9][a-z0-9@.-]* [A-Za-z0-9+/]+={0,2}$"
bool word_is_host_key(const char *text);
#define WORD_CREDENTIAL "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$"
bool word_is_credential(const char *text);
#define WORD_TAG "^tag:[A-Za-z][A-Za-z0-9-]*$"
bool word_is_tag(const char *text);

/* Cut "HOST:PORT" or "[V6]:PORT" in two; host needs room for the text. False if it is neither. */
bool word_split_host_port(const char *text, char *host, size_t size, uint16_t *ret_port);

#endif
